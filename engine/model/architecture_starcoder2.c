/* SPDX-License-Identifier: Apache-2.0
 *
 * StarCoder2 (Lozhkov et al. 2024): LayerNorm with bias, rotated halves, GELU, biases everywhere. */
#include "engine/model/architecture_parts.h"

static const struct arch_part before[] = {{arch_embed}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm}, {arch_qkv},       {arch_rotate},     {arch_attend}, {arch_add_branch},
    {arch_ffn_norm},  {arch_ffn_plain}, {arch_add_branch}, {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_starcoder2 = {
    .name = "starcoder2",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_LAYER,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_GELU,
};
