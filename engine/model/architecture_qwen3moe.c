/* SPDX-License-Identifier: Apache-2.0
 *
 * Qwen3 with a mixture of experts for an FFN (Yang et al. 2025). */
#include "engine/model/architecture_parts.h"

/* clang-format off */
static const struct arch_dim_rule dims[] = {
    {DIM_EXPERT_FFN, "expert_feed_forward_length", DIM_QUOTIENT, DIM_FFN, DIM_EXPERTS_USED},
    {DIM_ONE, NULL, DIM_NONE, 0, 0},
};
/* clang-format on */

static const struct arch_part before[] = {{arch_embed}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm},  {arch_qkv},      {arch_qk_norm_head}, {arch_rotate},     {arch_attend},
    {arch_add_branch}, {arch_ffn_norm}, {arch_experts},      {arch_add_branch}, {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_qwen3moe = {
    .name = "qwen3moe",
    .before = before,
    .layer = layer,
    .after = after,
    .dims = dims,
    .norm = ARCH_NORM_RMS,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_SILU,
    .normalize_experts = true,
};
