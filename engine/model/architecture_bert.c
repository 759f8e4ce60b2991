/* SPDX-License-Identifier: Apache-2.0
 *
 * BERT (Devlin et al. 2019) and Nomic BERT (Nussbaum et al. 2024), which give embeddings: every token
 * sees every other, norms after the sums. BERT learns its positions and has a plain FFN, Nomic BERT
 * rotates heads and has SwiGLU. All tokens are of the first type ("sentence A"). */
#include "engine/model/architecture_parts.h"

static const struct arch_node token_type[] = {
    {"token_type", ARCH_ADD, {V_X}, {V_X}, {W_TOKEN_TYPE}},
    {0},
};

static const struct arch_node embed_norm[] = {
    {"embed_norm", ARCH_NORM, {V_X}, {V_X}, {W_TOKEN_NORM}, {W_TOKEN_NORM_BIAS}},
    {0},
};

static const struct arch_node attn_out_norm[] = {
    {"attn_out_norm", ARCH_NORM, {V_X}, {V_X}, {W_ATTN_OUT_NORM}, {W_ATTN_OUT_NORM_BIAS}},
    {0},
};

static const struct arch_node ffn_plain[] = {
    {"up", ARCH_LINEAR, {V_X}, {V_UP}, {W_UP}, {W_UP_BIAS}},
    {"activation", ARCH_GLU, {V_UP}, {V_UP}},
    {"down", ARCH_LINEAR, {V_UP}, {V_BRANCH}, {W_DOWN}, {W_DOWN_BIAS}},
    {0},
};

static const struct arch_node layer_out_norm[] = {
    {"layer_out_norm", ARCH_NORM, {V_X}, {V_X}, {W_LAYER_OUT_NORM}, {W_LAYER_OUT_NORM_BIAS}},
    {0},
};

static const struct arch_node hidden[] = {
    {"hidden", ARCH_SELECT, {V_X}, {V_FINAL}},
    {0},
};

static const struct arch_part bert_before[] = {
    {arch_embed_position},
    {token_type, .with = W_TOKEN_TYPE},
    {embed_norm},
    {0},
};
static const struct arch_part bert_layer[] = {
    {arch_qkv_unnormed}, {arch_attend},     {arch_add_branch}, {attn_out_norm},
    {ffn_plain},         {arch_add_branch}, {layer_out_norm},  {0},
};

static const struct arch_part nomic_before[] = {
    {arch_embed},
    {token_type, .with = W_TOKEN_TYPE},
    {embed_norm},
    {0},
};
static const struct arch_part nomic_layer[] = {
    {arch_qkv_unnormed}, {arch_rotate},    {arch_attend},
    {arch_add_branch},   {attn_out_norm},  {arch_ffn_gated_unnormed},
    {arch_add_branch},   {layer_out_norm}, {0},
};

static const struct arch_part after[] = {{hidden}, {0}};

const struct architecture architecture_bert = {
    .name = "bert",
    .before = bert_before,
    .layer = bert_layer,
    .after = after,
    .norm = ARCH_NORM_LAYER,
    .rope = ARCH_ROPE_NONE,
    .activation = ARCH_GELU,
    .bidirectional = true,
};

const struct architecture architecture_nomic_bert = {
    .name = "nomic-bert",
    .before = nomic_before,
    .layer = nomic_layer,
    .after = after,
    .norm = ARCH_NORM_LAYER,
    .rope = ARCH_ROPE_HALVES,
    .activation = ARCH_SILU,
    .bidirectional = true,
};
