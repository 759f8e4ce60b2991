/* SPDX-License-Identifier: Apache-2.0
 *
 * The Llama family (Touvron et al. 2023): Llama 1 to 3, Mistral, TinyLlama, SmolLM. Pre-norm blocks
 * of grouped-query attention with rotary positions on adjacent pairs, and SwiGLU. The FFN may be a
 * mixture of experts (Mixtral; Jiang et al. 2024). */
#include "engine/model/architecture_parts.h"

static const struct arch_part before[] = {{arch_embed}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm},
    {arch_qkv},
    {arch_rotate},
    {arch_attend},
    {arch_add_branch},
    {arch_ffn_norm},
    {arch_ffn_gated, .without = W_ROUTER},
    {arch_experts, .with = W_ROUTER},
    {arch_add_branch},
    {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_llama = {
    .name = "llama",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_RMS,
    .rope = ARCH_ROPE_ADJACENT,
    .activation = ARCH_SILU,
    .normalize_experts = true,
    .window = {.period = 1},
};
