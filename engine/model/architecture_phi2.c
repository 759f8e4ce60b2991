/* SPDX-License-Identifier: Apache-2.0
 *
 * Phi-1.5 and Phi-2 (Li et al. 2023): LayerNorm with bias, attention and FFN side by side on one norm,
 * a part of each head rotated, biases everywhere. */
#include "engine/model/architecture_parts.h"

static const struct arch_part before[] = {{arch_embed}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm},  {arch_qkv},       {arch_rotate},     {arch_attend},
    {arch_add_branch}, {arch_ffn_plain}, {arch_add_branch}, {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_phi2 = {
    .name = "phi2",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_LAYER,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_GELU,
};
