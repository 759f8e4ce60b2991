/* SPDX-License-Identifier: Apache-2.0
 *
 * OLMo 2 (OLMo Team 2025): no norm before a branch but one after it, Q and K normed over all heads. OLMo
 * 3 adds sliding windows in three of four layers, where the rotation is not scaled. */
#include "engine/model/architecture_parts.h"

static const struct arch_part before[] = {{arch_embed}, {0}};
static const struct arch_part layer[] = {
    {arch_qkv_unnormed},
    {arch_qk_norm_row},
    {arch_rotate},
    {arch_attend},
    {arch_attn_post_norm},
    {arch_add_branch},
    {arch_ffn_gated_unnormed},
    {arch_ffn_post_norm},
    {arch_add_branch},
    {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_olmo2 = {
    .name = "olmo2",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_RMS,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_SILU,
    .window = {.period = 4, .plain_rope = true},
};
