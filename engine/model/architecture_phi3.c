/* SPDX-License-Identifier: Apache-2.0
 *
 * Phi-3 and Phi-3.5 (Abdin et al. 2024): Llama with rotated halves, Q, K and V in one matrix, gate and
 * up in one, and rotary factors of its own for short and for long contexts (LongRoPE). The sliding window
 * that some files name is left out, as llama.cpp leaves it out. */
#include "engine/model/architecture_parts.h"

/* clang-format off */
static const struct arch_node ffn[] = {
    {"gate_up", ARCH_LINEAR, {V_NORMED}, {V_GATE, V_UP}, {W_PAIR_GATE, W_PAIR_UP}},
    {"glu", ARCH_GLU, {V_GATE, V_UP}, {V_GATE}},
    {"down", ARCH_LINEAR, {V_GATE}, {V_BRANCH}, {W_DOWN}},
    {0},
};
/* clang-format on */

static const struct arch_part before[] = {{arch_embed}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm}, {arch_qkv}, {arch_rotate},     {arch_attend}, {arch_add_branch},
    {arch_ffn_norm},  {ffn},      {arch_add_branch}, {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_phi3 = {
    .name = "phi3",
    .before = before,
    .layer = layer,
    .after = after,
    .norm = ARCH_NORM_RMS,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_SILU,
};
