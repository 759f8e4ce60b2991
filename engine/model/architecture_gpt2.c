/* SPDX-License-Identifier: Apache-2.0
 *
 * GPT-2 (Radford et al. 2019): learned positions, LayerNorm with bias, GELU, biases everywhere. */
#include "engine/model/architecture_parts.h"

static const struct arch_part before[] = {{arch_embed_position}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm}, {arch_qkv},       {arch_attend},     {arch_add_branch},
    {arch_ffn_norm},  {arch_ffn_plain}, {arch_add_branch}, {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_gpt2 = {
    .name = "gpt2",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_LAYER,
    .rope = ARCH_ROPE_NONE,
    .activation = ARCH_GELU,
};
