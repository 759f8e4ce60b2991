/* SPDX-License-Identifier: Apache-2.0
 *
 * Gemma 2 (Gemma Team 2024): Gemma with a norm after each branch too, soft-caps on attention and on
 * logits, and a sliding window in every other layer. */
#include "engine/model/architecture_parts.h"

static const struct arch_part before[] = {{arch_embed_scaled}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm},
    {arch_qkv},
    {arch_rotate},
    {arch_attend},
    {arch_attn_post_norm},
    {arch_add_branch},
    {arch_ffn_norm},
    {arch_ffn_gated},
    {arch_ffn_post_norm},
    {arch_add_branch},
    {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_gemma2 = {
    .name = "gemma2",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_RMS,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_GELU,
    .window = {.period = 2, .window = 4096},
    .attention_cap = 50,
    .logit_cap = 30,
    .embed_scaled_layers = 46, /* the 27B model */
};
