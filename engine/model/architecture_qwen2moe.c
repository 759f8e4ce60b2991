/* SPDX-License-Identifier: Apache-2.0
 *
 * Qwen1.5-MoE and Qwen2-MoE (Yang et al. 2024): Qwen2 whose FFN is a mixture of experts, and beside it
 * an expert that every token goes through, weighed by a sigmoid. */
#include "engine/model/architecture_parts.h"

/* clang-format off */
static const struct arch_dim_rule dims[] = {
    {DIM_EXPERT_FFN, "expert_feed_forward_length", DIM_QUOTIENT, DIM_FFN, DIM_EXPERTS_USED},
    {DIM_ONE, NULL, DIM_NONE, 0, 0},
};

static const struct arch_node shared_expert[] = {
    {"shared_router", ARCH_LINEAR, {V_NORMED}, {V_SHARED_WEIGHT}, {W_SHARED_ROUTER}},
    {"shared_sigmoid", ARCH_SIGMOID, {V_SHARED_WEIGHT}, {V_SHARED_WEIGHT}},
    {"shared_gate_up", ARCH_LINEAR, {V_NORMED}, {V_SHARED_GATE, V_SHARED_UP},
     {W_SHARED_GATE, W_SHARED_UP}},
    {"shared_glu", ARCH_GLU, {V_SHARED_GATE, V_SHARED_UP}, {V_SHARED_GATE}},
    {"shared_down", ARCH_LINEAR, {V_SHARED_GATE}, {V_SHARED_OUT}, {W_SHARED_DOWN}},
    {"shared_mix", ARCH_MIX, {V_SHARED_OUT, V_SHARED_WEIGHT}, {V_BRANCH}},
    {"shared_add", ARCH_ADD, {V_X, V_BRANCH}, {V_X}},
    {0},
};
/* clang-format on */

static const struct arch_part before[] = {{arch_embed}, {0}};
static const struct arch_part layer[] = {
    {arch_attn_norm}, {arch_qkv},     {arch_rotate},     {arch_attend},   {arch_add_branch},
    {arch_ffn_norm},  {arch_experts}, {arch_add_branch}, {shared_expert}, {0},
};
static const struct arch_part after[] = {{arch_output_norm}, {arch_output}, {0}};

const struct architecture architecture_qwen2moe = {
    .name = "qwen2moe",
    .before = before,
    .layer = layer,
    .after = after,
    .dims = dims,
    .norm = ARCH_NORM_RMS,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_SILU,
};
