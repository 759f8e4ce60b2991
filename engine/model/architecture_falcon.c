/* SPDX-License-Identifier: Apache-2.0
 *
 * Falcon (Almazrouei et al. 2023): LayerNorm with bias, attention and FFN side by side: on one norm
 * (7B), or each on its own (40B, where attn_norm_2 is that of attention). */
#include "engine/model/architecture_parts.h"

static const struct arch_node attn_norm_2[] = {
    {"attn_norm", ARCH_NORM, {V_X}, {V_NORMED}, {W_ATTN_NORM_2}, {W_ATTN_NORM_2_BIAS}},
    {0},
};

static const struct arch_part before[] = {{arch_embed}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm, .without = W_ATTN_NORM_2},
    {attn_norm_2, .with = W_ATTN_NORM_2},
    {arch_qkv},
    {arch_rotate},
    {arch_attend},
    {arch_attn_norm, .with = W_ATTN_NORM_2}, /* that of the FFN */
    {arch_add_branch},
    {arch_ffn_plain},
    {arch_add_branch},
    {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_falcon = {
    .name = "falcon",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_LAYER,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_GELU,
};
