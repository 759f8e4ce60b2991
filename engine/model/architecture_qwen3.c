/* SPDX-License-Identifier: Apache-2.0
 *
 * Qwen3 (Yang et al. 2025): Qwen2 without the biases, each head of Q and K normed. */
#include "engine/model/architecture_parts.h"

static const struct arch_part before[] = {{arch_embed}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm},  {arch_qkv},      {arch_qk_norm_head}, {arch_rotate},     {arch_attend},
    {arch_add_branch}, {arch_ffn_norm}, {arch_ffn_gated},    {arch_add_branch}, {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_qwen3 = {
    .name = "qwen3",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_RMS,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_SILU,
};
