/* SPDX-License-Identifier: Apache-2.0
 *
 * Qwen2 and Qwen2.5 (Yang et al. 2024): Llama with biases on Q, K and V, and rotated halves. */
#include "engine/model/architecture_parts.h"

static const struct arch_part before[] = {{arch_embed}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm}, {arch_qkv},       {arch_rotate},     {arch_attend}, {arch_add_branch},
    {arch_ffn_norm},  {arch_ffn_gated}, {arch_add_branch}, {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_qwen2 = {
    .name = "qwen2",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_RMS,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_SILU,
};
