/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/architecture_parts.h"

#include "kernel/kernel.h"

/* clang-format off */
const struct arch_dim_rule arch_dims[] = {
    {DIM_EMBED,        "embedding_length",                  DIM_REQUIRED, 0, 0},
    {DIM_LAYERS,       "block_count",                       DIM_REQUIRED, 0, 0},
    {DIM_FFN,          "feed_forward_length",               DIM_REQUIRED, 0, 0},
    {DIM_CONTEXT,      "context_length",                    DIM_REQUIRED, 0, 0},
    {DIM_HEADS,        "attention.head_count",              DIM_REQUIRED, 0, 0},
    {DIM_KV_HEADS,     "attention.head_count_kv",           DIM_COPY,     DIM_HEADS, 0},
    {DIM_HEAD_DIM,     "attention.key_length",              DIM_QUOTIENT, DIM_EMBED, DIM_HEADS},
    {DIM_ROPE,         "rope.dimension_count",              DIM_COPY,     DIM_HEAD_DIM, 0},
    {DIM_VOCAB,        "vocab_size",                        DIM_ENTRIES,  0, 0},
    {DIM_EXPERTS,      "expert_count",                      DIM_NONE,     0, 0},
    {DIM_EXPERTS_USED, "expert_used_count",                 DIM_NONE,     0, 0},
    {DIM_EXPERT_FFN,   "expert_feed_forward_length",        DIM_COPY,     DIM_FFN, 0},
    {DIM_SHARED_FFN,   "expert_shared_feed_forward_length", DIM_COPY,     DIM_FFN, 0},
    {DIM_ROPE_PAIRS,   NULL,                                DIM_HALF,     DIM_ROPE, 0},
    {DIM_Q_EMBED,      NULL,                                DIM_PRODUCT,  DIM_HEAD_DIM, DIM_HEADS},
    {DIM_KV_EMBED,     NULL,                                DIM_PRODUCT,  DIM_HEAD_DIM, DIM_KV_HEADS},
    {DIM_QK_EMBED,     NULL,                                DIM_SUM,      DIM_Q_EMBED, DIM_KV_EMBED},
    {DIM_QKV_EMBED,    NULL,                                DIM_SUM,      DIM_QK_EMBED, DIM_KV_EMBED},
    {DIM_FFN_PAIR,     NULL,                                DIM_SUM,      DIM_FFN, DIM_FFN},
    {DIM_ONE,          NULL,                                DIM_NONE,     0, 0},
};

/* pattern, kind, shape; the stand-in when it is absent; rows of the tensor it is a part of, its
 * first row */
const struct arch_weight arch_weights[W_COUNT] = {
    [W_TOKEN_EMBD]  = {"token_embd.weight", ARCH_MATRIX, {DIM_EMBED, DIM_VOCAB}},
    [W_TOKEN_TYPE]  = {"token_types.weight", ARCH_VECTOR, {DIM_EMBED}, 0, DIM_ANY, DIM_ZERO},
    [W_POSITION]    = {"position_embd.weight", ARCH_MATRIX, {DIM_EMBED, DIM_CONTEXT}},
    [W_TOKEN_NORM]      = {"token_embd_norm.weight", ARCH_VECTOR, {DIM_EMBED}},
    [W_TOKEN_NORM_BIAS] = {"token_embd_norm.bias", ARCH_VECTOR, {DIM_EMBED}},

    [W_ATTN_NORM]        = {"blk.%d.attn_norm.weight", ARCH_VECTOR, {DIM_EMBED}},
    [W_ATTN_NORM_BIAS]   = {"blk.%d.attn_norm.bias", ARCH_VECTOR, {DIM_EMBED}},
    [W_ATTN_NORM_2]      = {"blk.%d.attn_norm_2.weight", ARCH_VECTOR, {DIM_EMBED}},
    [W_ATTN_NORM_2_BIAS] = {"blk.%d.attn_norm_2.bias", ARCH_VECTOR, {DIM_EMBED}},

    [W_Q] = {"blk.%d.attn_q.weight", ARCH_MATRIX, {DIM_EMBED, DIM_Q_EMBED}, W_QKV_Q},
    [W_K] = {"blk.%d.attn_k.weight", ARCH_MATRIX, {DIM_EMBED, DIM_KV_EMBED}, W_QKV_K},
    [W_V] = {"blk.%d.attn_v.weight", ARCH_MATRIX, {DIM_EMBED, DIM_KV_EMBED}, W_QKV_V},
    [W_Q_BIAS] = {"blk.%d.attn_q.bias", ARCH_VECTOR, {DIM_Q_EMBED}, W_QKV_Q_BIAS},
    [W_K_BIAS] = {"blk.%d.attn_k.bias", ARCH_VECTOR, {DIM_KV_EMBED}, W_QKV_K_BIAS},
    [W_V_BIAS] = {"blk.%d.attn_v.bias", ARCH_VECTOR, {DIM_KV_EMBED}, W_QKV_V_BIAS},
    [W_QKV_Q] = {"blk.%d.attn_qkv.weight", ARCH_MATRIX, {DIM_EMBED, DIM_Q_EMBED}, 0,
                 DIM_QKV_EMBED, DIM_ZERO},
    [W_QKV_K] = {"blk.%d.attn_qkv.weight", ARCH_MATRIX, {DIM_EMBED, DIM_KV_EMBED}, 0,
                 DIM_QKV_EMBED, DIM_Q_EMBED},
    [W_QKV_V] = {"blk.%d.attn_qkv.weight", ARCH_MATRIX, {DIM_EMBED, DIM_KV_EMBED}, 0,
                 DIM_QKV_EMBED, DIM_QK_EMBED},
    [W_QKV_Q_BIAS] = {"blk.%d.attn_qkv.bias", ARCH_VECTOR, {DIM_Q_EMBED}, 0,
                      DIM_QKV_EMBED, DIM_ZERO},
    [W_QKV_K_BIAS] = {"blk.%d.attn_qkv.bias", ARCH_VECTOR, {DIM_KV_EMBED}, 0,
                      DIM_QKV_EMBED, DIM_Q_EMBED},
    [W_QKV_V_BIAS] = {"blk.%d.attn_qkv.bias", ARCH_VECTOR, {DIM_KV_EMBED}, 0,
                      DIM_QKV_EMBED, DIM_QK_EMBED},
    [W_Q_NORM_HEAD]  = {"blk.%d.attn_q_norm.weight", ARCH_VECTOR, {DIM_HEAD_DIM}},
    [W_K_NORM_HEAD]  = {"blk.%d.attn_k_norm.weight", ARCH_VECTOR, {DIM_HEAD_DIM}},
    [W_Q_NORM_HEADS] = {"blk.%d.attn_q_norm.weight", ARCH_VECTOR, {DIM_HEAD_DIM, DIM_HEADS}},
    [W_K_NORM_HEADS] = {"blk.%d.attn_k_norm.weight", ARCH_VECTOR, {DIM_HEAD_DIM, DIM_KV_HEADS}},
    [W_Q_NORM_ROW]   = {"blk.%d.attn_q_norm.weight", ARCH_VECTOR, {DIM_Q_EMBED}},
    [W_K_NORM_ROW]   = {"blk.%d.attn_k_norm.weight", ARCH_VECTOR, {DIM_KV_EMBED}},
    [W_ATTN_OUT]      = {"blk.%d.attn_output.weight", ARCH_MATRIX, {DIM_Q_EMBED, DIM_EMBED}},
    [W_ATTN_OUT_BIAS] = {"blk.%d.attn_output.bias", ARCH_VECTOR, {DIM_EMBED}},
    [W_ATTN_POST_NORM]     = {"blk.%d.post_attention_norm.weight", ARCH_VECTOR, {DIM_EMBED}},
    [W_ATTN_OUT_NORM]      = {"blk.%d.attn_output_norm.weight", ARCH_VECTOR, {DIM_EMBED}},
    [W_ATTN_OUT_NORM_BIAS] = {"blk.%d.attn_output_norm.bias", ARCH_VECTOR, {DIM_EMBED}},

    [W_FFN_NORM]      = {"blk.%d.ffn_norm.weight", ARCH_VECTOR, {DIM_EMBED}},
    [W_FFN_NORM_BIAS] = {"blk.%d.ffn_norm.bias", ARCH_VECTOR, {DIM_EMBED}},
    [W_GATE] = {"blk.%d.ffn_gate.weight", ARCH_MATRIX, {DIM_EMBED, DIM_FFN}},
    [W_UP]   = {"blk.%d.ffn_up.weight", ARCH_MATRIX, {DIM_EMBED, DIM_FFN}},
    [W_DOWN] = {"blk.%d.ffn_down.weight", ARCH_MATRIX, {DIM_FFN, DIM_EMBED}},
    [W_GATE_BIAS] = {"blk.%d.ffn_gate.bias", ARCH_VECTOR, {DIM_FFN}},
    [W_UP_BIAS]   = {"blk.%d.ffn_up.bias", ARCH_VECTOR, {DIM_FFN}},
    [W_DOWN_BIAS] = {"blk.%d.ffn_down.bias", ARCH_VECTOR, {DIM_EMBED}},
    [W_PAIR_GATE] = {"blk.%d.ffn_up.weight", ARCH_MATRIX, {DIM_EMBED, DIM_FFN}, 0,
                     DIM_FFN_PAIR, DIM_ZERO},
    [W_PAIR_UP]   = {"blk.%d.ffn_up.weight", ARCH_MATRIX, {DIM_EMBED, DIM_FFN}, 0,
                     DIM_FFN_PAIR, DIM_FFN},
    [W_FFN_POST_NORM]       = {"blk.%d.post_ffw_norm.weight", ARCH_VECTOR, {DIM_EMBED}},
    [W_LAYER_OUT_NORM]      = {"blk.%d.layer_output_norm.weight", ARCH_VECTOR, {DIM_EMBED}},
    [W_LAYER_OUT_NORM_BIAS] = {"blk.%d.layer_output_norm.bias", ARCH_VECTOR, {DIM_EMBED}},

    [W_ROUTER]      = {"blk.%d.ffn_gate_inp.weight", ARCH_MATRIX, {DIM_EMBED, DIM_EXPERTS}},
    [W_EXPERT_GATE] = {"blk.%d.ffn_gate_exps.weight", ARCH_MATRIX,
                       {DIM_EMBED, DIM_EXPERT_FFN, DIM_EXPERTS}},
    [W_EXPERT_UP]   = {"blk.%d.ffn_up_exps.weight", ARCH_MATRIX,
                       {DIM_EMBED, DIM_EXPERT_FFN, DIM_EXPERTS}},
    [W_EXPERT_DOWN] = {"blk.%d.ffn_down_exps.weight", ARCH_MATRIX,
                       {DIM_EXPERT_FFN, DIM_EMBED, DIM_EXPERTS}},
    [W_SHARED_ROUTER] = {"blk.%d.ffn_gate_inp_shexp.weight", ARCH_MATRIX, {DIM_EMBED}},
    [W_SHARED_GATE] = {"blk.%d.ffn_gate_shexp.weight", ARCH_MATRIX, {DIM_EMBED, DIM_SHARED_FFN}},
    [W_SHARED_UP]   = {"blk.%d.ffn_up_shexp.weight", ARCH_MATRIX, {DIM_EMBED, DIM_SHARED_FFN}},
    [W_SHARED_DOWN] = {"blk.%d.ffn_down_shexp.weight", ARCH_MATRIX, {DIM_SHARED_FFN, DIM_EMBED}},

    [W_OUTPUT_NORM]      = {"output_norm.weight", ARCH_VECTOR, {DIM_EMBED}},
    [W_OUTPUT_NORM_BIAS] = {"output_norm.bias", ARCH_VECTOR, {DIM_EMBED}},
    [W_OUTPUT]      = {"output.weight", ARCH_MATRIX, {DIM_EMBED, DIM_VOCAB}, W_TOKEN_EMBD},
    [W_OUTPUT_BIAS] = {"output.bias", ARCH_VECTOR, {DIM_VOCAB}},
    [W_ROPE_FREQS] = {"rope_freqs.weight", ARCH_HOST, {DIM_ROPE_PAIRS}},
    [W_ROPE_SHORT] = {"rope_factors_short.weight", ARCH_HOST, {DIM_ROPE_PAIRS}},
    [W_ROPE_LONG]  = {"rope_factors_long.weight", ARCH_HOST, {DIM_ROPE_PAIRS}},
};

const struct arch_value arch_values[V_COUNT] = {
    [V_IDS]       = {"ids",       KERNEL_I32, {DIM_TOKENS}},
    [V_POSITIONS] = {"positions", KERNEL_I32, {DIM_CONTEXT}},
    [V_X]         = {"x",         KERNEL_F32, {DIM_EMBED, DIM_ONE, DIM_TOKENS}},
    [V_PLACE]     = {"place",     KERNEL_F32, {DIM_EMBED, DIM_ONE, DIM_TOKENS}},
    [V_NORMED]    = {"normed",    KERNEL_F32, {DIM_EMBED, DIM_ONE, DIM_TOKENS}},
    [V_Q]         = {"q",         KERNEL_F32, {DIM_HEAD_DIM, DIM_HEADS, DIM_TOKENS}},
    [V_K]         = {"k",         KERNEL_F32, {DIM_HEAD_DIM, DIM_KV_HEADS, DIM_TOKENS}},
    [V_V]         = {"v",         KERNEL_F32, {DIM_HEAD_DIM, DIM_KV_HEADS, DIM_TOKENS}},
    [V_MIXED]     = {"mixed",     KERNEL_F32, {DIM_HEAD_DIM, DIM_HEADS, DIM_TOKENS}},
    [V_GATE]      = {"gate",      KERNEL_F32, {DIM_FFN, DIM_ONE, DIM_TOKENS}},
    [V_UP]        = {"up",        KERNEL_F32, {DIM_FFN, DIM_ONE, DIM_TOKENS}},
    [V_BRANCH]    = {"branch",    KERNEL_F32, {DIM_EMBED, DIM_ONE, DIM_TOKENS}},
    [V_ROUTED]        = {"routed",        KERNEL_F32, {DIM_EXPERTS, DIM_ONE, DIM_TOKENS}},
    [V_CHOSEN]        = {"chosen",        KERNEL_I32, {DIM_EXPERTS_USED, DIM_ONE, DIM_TOKENS}},
    [V_SHARE]         = {"share",         KERNEL_F32, {DIM_EXPERTS_USED, DIM_ONE, DIM_TOKENS}},
    [V_EXPERT_GATE]   = {"expert_gate",   KERNEL_F32, {DIM_EXPERT_FFN, DIM_EXPERTS_USED, DIM_TOKENS}},
    [V_EXPERT_UP]     = {"expert_up",     KERNEL_F32, {DIM_EXPERT_FFN, DIM_EXPERTS_USED, DIM_TOKENS}},
    [V_EXPERT_OUT]    = {"expert_out",    KERNEL_F32, {DIM_EMBED, DIM_EXPERTS_USED, DIM_TOKENS}},
    [V_SHARED_WEIGHT] = {"shared_weight", KERNEL_F32, {DIM_ONE, DIM_ONE, DIM_TOKENS}},
    [V_SHARED_GATE]   = {"shared_gate",   KERNEL_F32, {DIM_SHARED_FFN, DIM_ONE, DIM_TOKENS}},
    [V_SHARED_UP]     = {"shared_up",     KERNEL_F32, {DIM_SHARED_FFN, DIM_ONE, DIM_TOKENS}},
    [V_SHARED_OUT]    = {"shared_out",    KERNEL_F32, {DIM_EMBED, DIM_ONE, DIM_TOKENS}},
    [V_FINAL]     = {"final",     KERNEL_F32, {DIM_EMBED, DIM_ONE, DIM_OUTPUTS}},
    [V_LOGITS]    = {"logits",    KERNEL_F32, {DIM_VOCAB, DIM_ONE, DIM_OUTPUTS}},
};

/* name, operation; values in, values out; weights, biases */
const struct arch_node arch_embed[] = {
    {"embed", ARCH_EMBED, {V_IDS}, {V_X}, {W_TOKEN_EMBD}},
    {0},
};

const struct arch_node arch_embed_scaled[] = {
    {"embed", ARCH_EMBED, {V_IDS}, {V_X}, {W_TOKEN_EMBD}},
    {"embed_scale", ARCH_SCALE, {V_X}, {V_X}},
    {0},
};

const struct arch_node arch_embed_position[] = {
    {"embed", ARCH_EMBED, {V_IDS}, {V_X}, {W_TOKEN_EMBD}},
    {"place", ARCH_EMBED, {V_POSITIONS}, {V_PLACE}, {W_POSITION}},
    {"place_add", ARCH_ADD, {V_X, V_PLACE}, {V_X}},
    {0},
};

const struct arch_node arch_attn_norm[] = {
    {"attn_norm", ARCH_NORM, {V_X}, {V_NORMED}, {W_ATTN_NORM}, {W_ATTN_NORM_BIAS}},
    {0},
};

const struct arch_node arch_qkv[] = {
    {"qkv", ARCH_LINEAR, {V_NORMED}, {V_Q, V_K, V_V},
     {W_Q, W_K, W_V}, {W_Q_BIAS, W_K_BIAS, W_V_BIAS}},
    {0},
};

const struct arch_node arch_qkv_unnormed[] = {
    {"qkv", ARCH_LINEAR, {V_X}, {V_Q, V_K, V_V},
     {W_Q, W_K, W_V}, {W_Q_BIAS, W_K_BIAS, W_V_BIAS}},
    {0},
};

const struct arch_node arch_qk_norm_head[] = {
    {"q_norm", ARCH_NORM, {V_Q}, {V_Q}, {W_Q_NORM_HEAD}},
    {"k_norm", ARCH_NORM, {V_K}, {V_K}, {W_K_NORM_HEAD}},
    {0},
};

const struct arch_node arch_qk_norm_row[] = {
    {"q_norm", ARCH_NORM, {V_Q}, {V_Q}, {W_Q_NORM_ROW}},
    {"k_norm", ARCH_NORM, {V_K}, {V_K}, {W_K_NORM_ROW}},
    {0},
};

const struct arch_node arch_rotate[] = {
    {"rope_q", ARCH_ROPE, {V_Q}, {V_Q}},
    {"rope_k", ARCH_ROPE, {V_K}, {V_K}},
    {0},
};

const struct arch_node arch_attend[] = {
    {"kv_store", ARCH_KV_STORE, {V_K, V_V}},
    {"attention", ARCH_ATTENTION, {V_Q}, {V_MIXED}},
    {"attn_out", ARCH_LINEAR, {V_MIXED}, {V_BRANCH}, {W_ATTN_OUT}, {W_ATTN_OUT_BIAS}},
    {0},
};

const struct arch_node arch_ffn_norm[] = {
    {"ffn_norm", ARCH_NORM, {V_X}, {V_NORMED}, {W_FFN_NORM}, {W_FFN_NORM_BIAS}},
    {0},
};

const struct arch_node arch_ffn_gated[] = {
    {"gate_up", ARCH_LINEAR, {V_NORMED}, {V_GATE, V_UP},
     {W_GATE, W_UP}, {W_GATE_BIAS, W_UP_BIAS}},
    {"glu", ARCH_GLU, {V_GATE, V_UP}, {V_GATE}},
    {"down", ARCH_LINEAR, {V_GATE}, {V_BRANCH}, {W_DOWN}, {W_DOWN_BIAS}},
    {0},
};

const struct arch_node arch_ffn_gated_unnormed[] = {
    {"gate_up", ARCH_LINEAR, {V_X}, {V_GATE, V_UP}, {W_GATE, W_UP}},
    {"glu", ARCH_GLU, {V_GATE, V_UP}, {V_GATE}},
    {"down", ARCH_LINEAR, {V_GATE}, {V_BRANCH}, {W_DOWN}},
    {0},
};

const struct arch_node arch_ffn_plain[] = {
    {"up", ARCH_LINEAR, {V_NORMED}, {V_UP}, {W_UP}, {W_UP_BIAS}},
    {"activation", ARCH_GLU, {V_UP}, {V_UP}},
    {"down", ARCH_LINEAR, {V_UP}, {V_BRANCH}, {W_DOWN}, {W_DOWN_BIAS}},
    {0},
};

const struct arch_node arch_experts[] = {
    {"router", ARCH_LINEAR, {V_NORMED}, {V_ROUTED}, {W_ROUTER}},
    {"router_softmax", ARCH_SOFTMAX, {V_ROUTED}, {V_ROUTED}},
    {"choose", ARCH_TOP_K, {V_ROUTED}, {V_CHOSEN, V_SHARE}},
    {"expert_gate_up", ARCH_EXPERTS, {V_NORMED, V_CHOSEN}, {V_EXPERT_GATE, V_EXPERT_UP},
     {W_EXPERT_GATE, W_EXPERT_UP}},
    {"expert_glu", ARCH_GLU, {V_EXPERT_GATE, V_EXPERT_UP}, {V_EXPERT_GATE}},
    {"expert_down", ARCH_EXPERTS, {V_EXPERT_GATE, V_CHOSEN}, {V_EXPERT_OUT},
     {W_EXPERT_DOWN}},
    {"expert_mix", ARCH_MIX, {V_EXPERT_OUT, V_SHARE}, {V_BRANCH}},
    {0},
};

const struct arch_node arch_add_branch[] = {
    {"add", ARCH_ADD, {V_X, V_BRANCH}, {V_X}},
    {0},
};

const struct arch_node arch_attn_post_norm[] = {
    {"attn_post_norm", ARCH_NORM, {V_BRANCH}, {V_BRANCH}, {W_ATTN_POST_NORM}},
    {0},
};

const struct arch_node arch_ffn_post_norm[] = {
    {"ffn_post_norm", ARCH_NORM, {V_BRANCH}, {V_BRANCH}, {W_FFN_POST_NORM}},
    {0},
};

const struct arch_node arch_output_norm[] = {
    {"output_norm", ARCH_NORM, {V_X}, {V_FINAL}, {W_OUTPUT_NORM}, {W_OUTPUT_NORM_BIAS}},
    {0},
};

const struct arch_node arch_output[] = {
    {"output", ARCH_LINEAR, {V_FINAL}, {V_LOGITS}, {W_OUTPUT}, {W_OUTPUT_BIAS}},
    {"logit_cap", ARCH_SOFTCAP, {V_LOGITS}, {V_LOGITS}},
    {0},
};
/* clang-format on */
