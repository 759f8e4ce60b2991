/* SPDX-License-Identifier: Apache-2.0
 *
 * The Llama architecture (Touvron et al. 2023; names of the GGUF specification): pre-norm blocks of
 * grouped-query attention with rotary positions on adjacent pairs, and SwiGLU. The output matrix
 * may be the embedding, the projections may carry biases. */
#include "engine/model/architecture.h"
#include "kernel/kernel.h"

enum weight {
    W_TOKEN_EMBD,
    W_ATTN_NORM,
    W_Q,
    W_K,
    W_V,
    W_Q_BIAS,
    W_K_BIAS,
    W_V_BIAS,
    W_ATTN_OUT,
    W_ATTN_OUT_BIAS,
    W_FFN_NORM,
    W_GATE,
    W_UP,
    W_DOWN,
    W_OUTPUT_NORM,
    W_OUTPUT,
    W_ROPE_FREQS,
    W_COUNT,
};

enum value {
    V_IDS,
    V_X,
    V_NORMED,
    V_Q,
    V_K,
    V_V,
    V_MIXED,
    V_GATE,
    V_UP,
    V_BRANCH,
    V_FINAL,
    V_LOGITS,
    V_COUNT,
};

/* clang-format off */
static const struct arch_dim_rule dims[] = {
    {DIM_EMBED,      "embedding_length",        DIM_REQUIRED, 0, 0},
    {DIM_LAYERS,     "block_count",             DIM_REQUIRED, 0, 0},
    {DIM_FFN,        "feed_forward_length",     DIM_REQUIRED, 0, 0},
    {DIM_CONTEXT,    "context_length",          DIM_REQUIRED, 0, 0},
    {DIM_HEADS,      "attention.head_count",    DIM_REQUIRED, 0, 0},
    {DIM_KV_HEADS,   "attention.head_count_kv", DIM_COPY,     DIM_HEADS, 0},
    {DIM_HEAD_DIM,   "attention.key_length",    DIM_QUOTIENT, DIM_EMBED, DIM_HEADS},
    {DIM_ROPE,       "rope.dimension_count",    DIM_COPY,     DIM_HEAD_DIM, 0},
    {DIM_VOCAB,      "vocab_size",              DIM_ENTRIES,  0, 0},
    {DIM_ROPE_PAIRS, NULL,                      DIM_HALF,     DIM_ROPE, 0},
    {DIM_Q_EMBED,    NULL,                      DIM_PRODUCT,  DIM_HEAD_DIM, DIM_HEADS},
    {DIM_KV_EMBED,   NULL,                      DIM_PRODUCT,  DIM_HEAD_DIM, DIM_KV_HEADS},
};

static const struct arch_weight weights[W_COUNT] = {
    [W_TOKEN_EMBD] = {"token_embd.weight", ARCH_MATRIX, {DIM_EMBED, DIM_VOCAB}, ARCH_REQUIRED},
    [W_ATTN_NORM] = {"blk.%d.attn_norm.weight", ARCH_VECTOR, {DIM_EMBED, DIM_ONE}, ARCH_REQUIRED},
    [W_Q] = {"blk.%d.attn_q.weight", ARCH_MATRIX, {DIM_EMBED, DIM_Q_EMBED}, ARCH_REQUIRED},
    [W_K] = {"blk.%d.attn_k.weight", ARCH_MATRIX, {DIM_EMBED, DIM_KV_EMBED}, ARCH_REQUIRED},
    [W_V] = {"blk.%d.attn_v.weight", ARCH_MATRIX, {DIM_EMBED, DIM_KV_EMBED}, ARCH_REQUIRED},
    [W_Q_BIAS] = {"blk.%d.attn_q.bias", ARCH_VECTOR, {DIM_Q_EMBED, DIM_ONE}, ARCH_OPTIONAL},
    [W_K_BIAS] = {"blk.%d.attn_k.bias", ARCH_VECTOR, {DIM_KV_EMBED, DIM_ONE}, ARCH_OPTIONAL},
    [W_V_BIAS] = {"blk.%d.attn_v.bias", ARCH_VECTOR, {DIM_KV_EMBED, DIM_ONE}, ARCH_OPTIONAL},
    [W_ATTN_OUT] = {"blk.%d.attn_output.weight", ARCH_MATRIX, {DIM_Q_EMBED, DIM_EMBED},
                    ARCH_REQUIRED},
    [W_ATTN_OUT_BIAS] = {"blk.%d.attn_output.bias", ARCH_VECTOR, {DIM_EMBED, DIM_ONE},
                         ARCH_OPTIONAL},
    [W_FFN_NORM] = {"blk.%d.ffn_norm.weight", ARCH_VECTOR, {DIM_EMBED, DIM_ONE}, ARCH_REQUIRED},
    [W_GATE] = {"blk.%d.ffn_gate.weight", ARCH_MATRIX, {DIM_EMBED, DIM_FFN}, ARCH_REQUIRED},
    [W_UP] = {"blk.%d.ffn_up.weight", ARCH_MATRIX, {DIM_EMBED, DIM_FFN}, ARCH_REQUIRED},
    [W_DOWN] = {"blk.%d.ffn_down.weight", ARCH_MATRIX, {DIM_FFN, DIM_EMBED}, ARCH_REQUIRED},
    [W_OUTPUT_NORM] = {"output_norm.weight", ARCH_VECTOR, {DIM_EMBED, DIM_ONE}, ARCH_REQUIRED},
    [W_OUTPUT] = {"output.weight", ARCH_MATRIX, {DIM_EMBED, DIM_VOCAB}, W_TOKEN_EMBD},
    [W_ROPE_FREQS] = {"rope_freqs.weight", ARCH_HOST, {DIM_ROPE_PAIRS, DIM_ONE}, ARCH_OPTIONAL},
};

static const struct arch_value values[V_COUNT] = {
    [V_IDS]    = {"ids",    KERNEL_I32, {DIM_TOKENS, DIM_ONE, DIM_ONE}},
    [V_X]      = {"x",      KERNEL_F32, {DIM_EMBED, DIM_ONE, DIM_TOKENS}},
    [V_NORMED] = {"normed", KERNEL_F32, {DIM_EMBED, DIM_ONE, DIM_TOKENS}},
    [V_Q]      = {"q",      KERNEL_F32, {DIM_HEAD_DIM, DIM_HEADS, DIM_TOKENS}},
    [V_K]      = {"k",      KERNEL_F32, {DIM_HEAD_DIM, DIM_KV_HEADS, DIM_TOKENS}},
    [V_V]      = {"v",      KERNEL_F32, {DIM_HEAD_DIM, DIM_KV_HEADS, DIM_TOKENS}},
    [V_MIXED]  = {"mixed",  KERNEL_F32, {DIM_HEAD_DIM, DIM_HEADS, DIM_TOKENS}},
    [V_GATE]   = {"gate",   KERNEL_F32, {DIM_FFN, DIM_ONE, DIM_TOKENS}},
    [V_UP]     = {"up",     KERNEL_F32, {DIM_FFN, DIM_ONE, DIM_TOKENS}},
    [V_BRANCH] = {"branch", KERNEL_F32, {DIM_EMBED, DIM_ONE, DIM_TOKENS}},
    [V_FINAL]  = {"final",  KERNEL_F32, {DIM_EMBED, DIM_ONE, DIM_OUTPUTS}},
    [V_LOGITS] = {"logits", KERNEL_F32, {DIM_VOCAB, DIM_ONE, DIM_OUTPUTS}},
};

enum { ROPE_ADJACENT = 0, GLU_SILU = 0 };

/* Slot lists. */
#define NONE      {ARCH_NONE, ARCH_NONE, ARCH_NONE}
#define ONE(a)    {a, ARCH_NONE, ARCH_NONE}
#define TWO(a, b) {a, b, ARCH_NONE}

/* name, section, operation; values in, values out; weights, biases; parameter */
static const struct arch_node nodes[] = {
    {"embed", ARCH_BEFORE, ARCH_EMBED, ONE(V_IDS), ONE(V_X), ONE(W_TOKEN_EMBD), NONE, 0},

    {"attn_norm", ARCH_LAYER, ARCH_RMS_NORM, ONE(V_X), ONE(V_NORMED), ONE(W_ATTN_NORM), NONE, 0},
    {"qkv", ARCH_LAYER, ARCH_LINEAR, ONE(V_NORMED), {V_Q, V_K, V_V},
     {W_Q, W_K, W_V}, {W_Q_BIAS, W_K_BIAS, W_V_BIAS}, 0},
    {"rope_q", ARCH_LAYER, ARCH_ROPE, ONE(V_Q), ONE(V_Q), NONE, NONE, ROPE_ADJACENT},
    {"rope_k", ARCH_LAYER, ARCH_ROPE, ONE(V_K), ONE(V_K), NONE, NONE, ROPE_ADJACENT},
    {"kv_store", ARCH_LAYER, ARCH_KV_STORE, TWO(V_K, V_V), NONE, NONE, NONE, 0},
    {"attention", ARCH_LAYER, ARCH_ATTENTION, ONE(V_Q), ONE(V_MIXED), NONE, NONE, 0},
    {"attn_out", ARCH_LAYER, ARCH_LINEAR, ONE(V_MIXED), ONE(V_BRANCH),
     ONE(W_ATTN_OUT), ONE(W_ATTN_OUT_BIAS), 0},
    {"attn_add", ARCH_LAYER, ARCH_ADD, TWO(V_X, V_BRANCH), ONE(V_X), NONE, NONE, 0},

    {"ffn_norm", ARCH_LAYER, ARCH_RMS_NORM, ONE(V_X), ONE(V_NORMED), ONE(W_FFN_NORM), NONE, 0},
    {"gate_up", ARCH_LAYER, ARCH_LINEAR, ONE(V_NORMED), TWO(V_GATE, V_UP),
     TWO(W_GATE, W_UP), NONE, 0},
    {"swiglu", ARCH_LAYER, ARCH_GLU, TWO(V_GATE, V_UP), ONE(V_GATE), NONE, NONE, GLU_SILU},
    {"down", ARCH_LAYER, ARCH_LINEAR, ONE(V_GATE), ONE(V_BRANCH), ONE(W_DOWN), NONE, 0},
    {"ffn_add", ARCH_LAYER, ARCH_ADD, TWO(V_X, V_BRANCH), ONE(V_X), NONE, NONE, 0},

    {"output_norm", ARCH_AFTER, ARCH_RMS_NORM, ONE(V_X), ONE(V_FINAL), ONE(W_OUTPUT_NORM), NONE, 0},
    {"output", ARCH_AFTER, ARCH_LINEAR, ONE(V_FINAL), ONE(V_LOGITS), ONE(W_OUTPUT), NONE, 0},
};
/* clang-format on */

const struct architecture architecture_llama = {
    .name = "llama",
    .dims = dims,
    .n_dims = sizeof dims / sizeof *dims,
    .weights = weights,
    .n_weights = W_COUNT,
    .values = values,
    .n_values = V_COUNT,
    .nodes = nodes,
    .n_nodes = sizeof nodes / sizeof *nodes,
    .ids = V_IDS,
    .logits = V_LOGITS,
    .rope_factors = W_ROPE_FREQS,
    .norm_epsilon_key = "attention.layer_norm_rms_epsilon",
};
