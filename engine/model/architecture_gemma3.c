/* SPDX-License-Identifier: Apache-2.0
 *
 * Gemma 3 (Gemma Team 2025): Gemma 2 with each head of Q and K normed in place of the soft-cap on
 * attention, and windows in five of six layers, rotated by a base of their own. */
#include "engine/model/architecture_parts.h"

static const struct arch_part before[] = {{arch_embed_scaled}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm},     {arch_qkv},        {arch_qk_norm_head},
    {arch_rotate},        {arch_attend},     {arch_attn_post_norm},
    {arch_add_branch},    {arch_ffn_norm},   {arch_ffn_gated},
    {arch_ffn_post_norm}, {arch_add_branch}, {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_gemma3 = {
    .name = "gemma3",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_RMS,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_GELU,
    .window = {.period = 6, .plain_rope = true, .rope_base = 10000},
    .embed_scaled_layers = 62, /* the 27B model */
};
