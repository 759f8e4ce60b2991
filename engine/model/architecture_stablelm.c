/* SPDX-License-Identifier: Apache-2.0
 *
 * StableLM (Bellagente et al. 2024): LayerNorm with bias, SwiGLU, a part of each head rotated. StableLM 2
 * 12B norms Q and K with weights for each head, and has no norm before the FFN: it reads what attention
 * reads. */
#include "engine/model/architecture_parts.h"

/* clang-format off */
static const struct arch_node qk_norm[] = {
    {"q_norm", ARCH_NORM, {V_Q}, {V_Q}, {W_Q_NORM_HEADS}},
    {"k_norm", ARCH_NORM, {V_K}, {V_K}, {W_K_NORM_HEADS}},
    {0},
};
/* clang-format on */

static const struct arch_part before[] = {{arch_embed}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm},
    {arch_qkv},
    {qk_norm, .with = W_Q_NORM_HEADS},
    {arch_rotate},
    {arch_attend},
    {arch_add_branch},
    {arch_ffn_norm, .with = W_FFN_NORM},
    {arch_ffn_gated},
    {arch_add_branch},
    {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_stablelm = {
    .name = "stablelm",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_LAYER,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_SILU,
};
