/* SPDX-License-Identifier: Apache-2.0
 *
 * architecture_parts.h: the vocabulary that architectures are written in: dimension rules, weights
 * and activations that have the same meaning in all of them, and the parts of a layer that more
 * than one has. Source of the names: the GGUF files that llama.cpp writes and reads
 * (gguf-py/gguf/constants.py). */
#ifndef PAWL_ARCHITECTURE_PARTS_H
#define PAWL_ARCHITECTURE_PARTS_H

#include "engine/model/architecture.h"

/* In tables, what is left out is none. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

enum {
    W_NONE = 0,
    W_TOKEN_EMBD,
    W_TOKEN_TYPE, /* the row of type 0 */
    W_POSITION,
    W_TOKEN_NORM,
    W_TOKEN_NORM_BIAS,
    W_ATTN_NORM,
    W_ATTN_NORM_BIAS,
    W_ATTN_NORM_2,
    W_ATTN_NORM_2_BIAS,
    W_Q,
    W_K,
    W_V,
    W_Q_BIAS,
    W_K_BIAS,
    W_V_BIAS,
    W_QKV_Q, /* parts of attn_qkv */
    W_QKV_K,
    W_QKV_V,
    W_QKV_Q_BIAS,
    W_QKV_K_BIAS,
    W_QKV_V_BIAS,
    W_Q_NORM_HEAD, /* one for all heads */
    W_K_NORM_HEAD,
    W_Q_NORM_HEADS, /* one for each head */
    W_K_NORM_HEADS,
    W_Q_NORM_ROW, /* over all heads together */
    W_K_NORM_ROW,
    W_ATTN_OUT,
    W_ATTN_OUT_BIAS,
    W_ATTN_POST_NORM,
    W_ATTN_OUT_NORM, /* after the sum */
    W_ATTN_OUT_NORM_BIAS,
    W_FFN_NORM,
    W_FFN_NORM_BIAS,
    W_GATE,
    W_UP,
    W_DOWN,
    W_GATE_BIAS,
    W_UP_BIAS,
    W_DOWN_BIAS,
    W_PAIR_GATE, /* halves of an ffn_up of twice the rows */
    W_PAIR_UP,
    W_FFN_POST_NORM,
    W_LAYER_OUT_NORM,
    W_LAYER_OUT_NORM_BIAS,
    W_ROUTER,
    W_EXPERT_GATE,
    W_EXPERT_UP,
    W_EXPERT_DOWN,
    W_SHARED_ROUTER,
    W_SHARED_GATE,
    W_SHARED_UP,
    W_SHARED_DOWN,
    W_OUTPUT_NORM,
    W_OUTPUT_NORM_BIAS,
    W_OUTPUT,
    W_OUTPUT_BIAS,
    W_ROPE_FREQS, /* divisors of the rotary frequencies (Llama 3) */
    W_ROPE_SHORT, /* the same for short and for long contexts (Phi 3) */
    W_ROPE_LONG,
    W_COUNT,
};

enum {
    V_NONE = 0,
    V_IDS,       /* where tokens enter */
    V_POSITIONS, /* theirs: 0, 1, ... */
    V_X,         /* the residual stream */
    V_PLACE,
    V_NORMED,
    V_Q,
    V_K,
    V_V,
    V_MIXED,
    V_GATE,
    V_UP,
    V_BRANCH, /* what attention or FFN adds */
    V_ROUTED,
    V_CHOSEN,
    V_SHARE,
    V_EXPERT_GATE,
    V_EXPERT_UP,
    V_EXPERT_OUT,
    V_SHARED_WEIGHT,
    V_SHARED_GATE,
    V_SHARED_UP,
    V_SHARED_OUT,
    V_FINAL,  /* where hidden states leave */
    V_LOGITS, /* where logits leave */
    V_COUNT,
};

extern const struct arch_weight arch_weights[W_COUNT];
extern const struct arch_value arch_values[V_COUNT];
extern const struct arch_dim_rule arch_dims[]; /* up to DIM_ONE */

/* Before the layers: ids -> x. */
extern const struct arch_node arch_embed[];
extern const struct arch_node arch_embed_scaled[];   /* times sqrt(embed) */
extern const struct arch_node arch_embed_position[]; /* plus a learned position */

/* Attention: x -> normed -> q, k, v -> mixed -> branch. */
extern const struct arch_node arch_attn_norm[];
extern const struct arch_node arch_qkv[];          /* of normed; separate or fused in the file */
extern const struct arch_node arch_qkv_unnormed[]; /* of x */
extern const struct arch_node arch_qk_norm_head[];
extern const struct arch_node arch_qk_norm_row[];
extern const struct arch_node arch_rotate[];
extern const struct arch_node arch_attend[];

/* FFN: x or normed -> branch. */
extern const struct arch_node arch_ffn_norm[];
extern const struct arch_node arch_ffn_gated[]; /* act(gate) * up */
extern const struct arch_node arch_ffn_gated_unnormed[];
extern const struct arch_node arch_ffn_plain[]; /* act(up), biases */
extern const struct arch_node arch_experts[];

/* x += branch, alone or with a norm on the branch. */
extern const struct arch_node arch_add_branch[];
extern const struct arch_node arch_attn_post_norm[];
extern const struct arch_node arch_ffn_post_norm[];

/* After the layers: x -> final -> logits. */
extern const struct arch_node arch_output_norm[];
extern const struct arch_node arch_output[];

#endif
