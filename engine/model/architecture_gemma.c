/* SPDX-License-Identifier: Apache-2.0
 *
 * Gemma (Gemma Team 2024): the embedding is scaled by sqrt(embed) and serves as the output matrix, GeGLU,
 * heads wider than embed / heads. Files hold norm weights with their 1 added. */
#include "engine/model/architecture_parts.h"

static const struct arch_part before[] = {{arch_embed_scaled}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm}, {arch_qkv},       {arch_rotate},     {arch_attend}, {arch_add_branch},
    {arch_ffn_norm},  {arch_ffn_gated}, {arch_add_branch}, {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_gemma = {
    .name = "gemma",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_RMS,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_GELU,
};
