/* SPDX-License-Identifier: Apache-2.0
 *
 * arch_tables.c: the architectures of arch_models.h as tables. Keys and tensor names are those of the
 * GGUF specification and of the files that llama.cpp's converter writes. */
#include "tests/engine/arch_models.h"

#include "engine/gguf/gguf.h"

/* clang-format off */

/* --- parts: tensors that come together ---
 *
 * What is added to the residual is half as large as what was normalised: with more, the rounding of
 * activations to 8 bits grows from layer to layer until two right answers no longer look alike. */

#define PART(name) static const struct arch_tensor name[]
#define END        {NULL, 0, {0}, 0}

/* The last norm has scales of both signs, or a tied model would only ever repeat its last token. */
PART(embed)      = {{"token_embd.weight", ARCH_T_TABLE, {M_EMBED, M_VOCAB}, 1}, END};
PART(embed_small) = {{"token_embd.weight", ARCH_T_MATRIX, {M_EMBED, M_VOCAB}, 1}, END};
PART(last_norm)  = {{"output_norm.weight", ARCH_T_BIAS, {M_EMBED}, 1}, END};
PART(last_norm_bias) = {{"output_norm.bias", ARCH_T_BIAS, {M_EMBED}, 0.1}, END};
PART(output)     = {{"output.weight", ARCH_T_MATRIX, {M_EMBED, M_VOCAB}, 2}, END};
PART(output_bias) = {{"output.bias", ARCH_T_BIAS, {M_VOCAB}, 0.5}, END};
PART(positions)  = {{"position_embd.weight", ARCH_T_POSITIONS, {M_EMBED, M_CONTEXT}, 0.5}, END};
PART(rope_freqs) = {{"rope_freqs.weight", ARCH_T_FACTORS, {M_ROPE_PAIRS}, 7}, END};
PART(rope_long_short) = {
    {"rope_factors_long.weight", ARCH_T_FACTORS, {M_ROPE_PAIRS}, 20},
    {"rope_factors_short.weight", ARCH_T_FACTORS, {M_ROPE_PAIRS}, 1}, END};

PART(attn_norm)  = {{"blk.%d.attn_norm.weight", ARCH_T_SCALE, {M_EMBED}, 1}, END};
PART(attn_norm_bias) = {{"blk.%d.attn_norm.bias", ARCH_T_BIAS, {M_EMBED}, 0.1}, END};
PART(attn_norm_2) = {
    {"blk.%d.attn_norm_2.weight", ARCH_T_SCALE, {M_EMBED}, 1},
    {"blk.%d.attn_norm_2.bias", ARCH_T_BIAS, {M_EMBED}, 0.1}, END};
PART(qkv) = {
    {"blk.%d.attn_q.weight", ARCH_T_MATRIX, {M_EMBED, M_Q}, 2},
    {"blk.%d.attn_k.weight", ARCH_T_MATRIX, {M_EMBED, M_KV}, 1},
    {"blk.%d.attn_v.weight", ARCH_T_MATRIX, {M_EMBED, M_KV}, 1}, END};
PART(qkv_bias) = {
    {"blk.%d.attn_q.bias", ARCH_T_BIAS, {M_Q}, 0.3},
    {"blk.%d.attn_k.bias", ARCH_T_BIAS, {M_KV}, 0.3},
    {"blk.%d.attn_v.bias", ARCH_T_BIAS, {M_KV}, 0.3}, END};
PART(qkv_fused)  = {{"blk.%d.attn_qkv.weight", ARCH_T_MATRIX, {M_EMBED, M_QKV}, 1.4}, END};
PART(qkv_fused_bias) = {{"blk.%d.attn_qkv.bias", ARCH_T_BIAS, {M_QKV}, 0.3}, END};
PART(qk_norm_head) = { /* one scale for all heads */
    {"blk.%d.attn_q_norm.weight", ARCH_T_SCALE, {M_HEAD_DIM}, 1.5},
    {"blk.%d.attn_k_norm.weight", ARCH_T_SCALE, {M_HEAD_DIM}, 1}, END};
PART(qk_norm_heads) = { /* a scale for each head */
    {"blk.%d.attn_q_norm.weight", ARCH_T_SCALE, {M_HEAD_DIM, M_HEADS}, 2},
    {"blk.%d.attn_k_norm.weight", ARCH_T_SCALE, {M_HEAD_DIM, M_KV_HEADS}, 1}, END};
PART(qk_norm_row) = { /* over all heads at once */
    {"blk.%d.attn_q_norm.weight", ARCH_T_SCALE, {M_Q}, 2},
    {"blk.%d.attn_k_norm.weight", ARCH_T_SCALE, {M_KV}, 1}, END};
PART(attn_out)   = {{"blk.%d.attn_output.weight", ARCH_T_MATRIX, {M_Q, M_EMBED}, 0.5}, END};
PART(attn_out_bias) = {{"blk.%d.attn_output.bias", ARCH_T_BIAS, {M_EMBED}, 0.1}, END};
PART(post_attn_norm) = {{"blk.%d.post_attention_norm.weight", ARCH_T_SCALE, {M_EMBED}, 0.5}, END};

PART(ffn_norm)   = {{"blk.%d.ffn_norm.weight", ARCH_T_SCALE, {M_EMBED}, 1}, END};
PART(ffn_norm_bias) = {{"blk.%d.ffn_norm.bias", ARCH_T_BIAS, {M_EMBED}, 0.1}, END};
PART(ffn_gate)   = {{"blk.%d.ffn_gate.weight", ARCH_T_MATRIX, {M_EMBED, M_FFN}, 1.5}, END};
PART(ffn) = {
    {"blk.%d.ffn_up.weight", ARCH_T_MATRIX, {M_EMBED, M_FFN}, 1.5},
    {"blk.%d.ffn_down.weight", ARCH_T_MATRIX, {M_FFN, M_EMBED}, 0.5}, END};
PART(ffn_bias) = {
    {"blk.%d.ffn_up.bias", ARCH_T_BIAS, {M_FFN}, 0.3},
    {"blk.%d.ffn_down.bias", ARCH_T_BIAS, {M_EMBED}, 0.1}, END};
PART(ffn_fused) = {
    {"blk.%d.ffn_up.weight", ARCH_T_MATRIX, {M_EMBED, M_GATE_UP}, 1.5},
    {"blk.%d.ffn_down.weight", ARCH_T_MATRIX, {M_FFN, M_EMBED}, 0.5}, END};
PART(post_ffn_norm) = {{"blk.%d.post_ffw_norm.weight", ARCH_T_SCALE, {M_EMBED}, 0.5}, END};
PART(experts) = {
    {"blk.%d.ffn_gate_inp.weight", ARCH_T_ROUTER, {M_EMBED, M_EXPERTS}, 2},
    {"blk.%d.ffn_gate_exps.weight", ARCH_T_MATRIX, {M_EMBED, M_EXPERT_FFN, M_EXPERTS}, 1.5},
    {"blk.%d.ffn_up_exps.weight", ARCH_T_MATRIX, {M_EMBED, M_EXPERT_FFN, M_EXPERTS}, 1.5},
    {"blk.%d.ffn_down_exps.weight", ARCH_T_MATRIX, {M_EXPERT_FFN, M_EMBED, M_EXPERTS}, 0.5}, END};
PART(shared_expert) = {
    {"blk.%d.ffn_gate_inp_shexp.weight", ARCH_T_ROUTER, {M_EMBED}, 1},
    {"blk.%d.ffn_gate_shexp.weight", ARCH_T_MATRIX, {M_EMBED, M_SHARED_FFN}, 1.5},
    {"blk.%d.ffn_up_shexp.weight", ARCH_T_MATRIX, {M_EMBED, M_SHARED_FFN}, 1.5},
    {"blk.%d.ffn_down_shexp.weight", ARCH_T_MATRIX, {M_SHARED_FFN, M_EMBED}, 0.5}, END};
PART(bert_embed) = {
    {"token_types.weight", ARCH_T_POSITIONS, {M_EMBED, M_TYPES}, 0.5},
    {"token_embd_norm.weight", ARCH_T_SCALE, {M_EMBED}, 1},
    {"token_embd_norm.bias", ARCH_T_BIAS, {M_EMBED}, 0.1}, END};
PART(bert_norms) = {
    {"blk.%d.attn_output_norm.weight", ARCH_T_SCALE, {M_EMBED}, 1},
    {"blk.%d.attn_output_norm.bias", ARCH_T_BIAS, {M_EMBED}, 0.1},
    {"blk.%d.layer_output_norm.weight", ARCH_T_SCALE, {M_EMBED}, 1},
    {"blk.%d.layer_output_norm.bias", ARCH_T_BIAS, {M_EMBED}, 0.1}, END};

/* --- what an architecture consists of --- */

#define PARTS(name) static const struct arch_tensor *const name[]
#define LLAMA_LAYER attn_norm, qkv, attn_out, ffn_norm, ffn_gate, ffn

PARTS(llama_parts)      = {embed, last_norm, output, LLAMA_LAYER, NULL};
PARTS(llama_tied_parts) = {embed, last_norm, LLAMA_LAYER, NULL};
PARTS(llama3_parts)     = {embed, last_norm, rope_freqs, LLAMA_LAYER, NULL};
PARTS(mixtral_parts)    = {embed, last_norm, output, attn_norm, qkv, attn_out, ffn_norm, experts, NULL};
PARTS(qwen2_parts)      = {embed, last_norm, LLAMA_LAYER, qkv_bias, NULL};
PARTS(qwen3_parts)      = {embed, last_norm, LLAMA_LAYER, qk_norm_head, NULL};
PARTS(qwen2moe_parts)   = {embed, last_norm, output, attn_norm, qkv, qkv_bias, attn_out, ffn_norm,
                           experts, shared_expert, NULL};
PARTS(qwen3moe_parts)   = {embed, last_norm, output, attn_norm, qkv, qk_norm_head, attn_out, ffn_norm,
                           experts, NULL};
PARTS(phi2_parts)       = {embed, last_norm, last_norm_bias, output, output_bias, attn_norm,
                           attn_norm_bias, qkv_fused, qkv_fused_bias, attn_out, attn_out_bias, ffn,
                           ffn_bias, NULL};
PARTS(phi3_parts)       = {embed, last_norm, output, attn_norm, qkv_fused, attn_out, ffn_norm, ffn_fused,
                           NULL};
PARTS(phi3_long_parts)  = {embed, last_norm, output, attn_norm, qkv_fused, attn_out, ffn_norm, ffn_fused,
                           rope_long_short, NULL};
PARTS(gemma_parts)      = {embed_small, last_norm, LLAMA_LAYER, NULL};
PARTS(gemma2_parts)     = {embed_small, last_norm, LLAMA_LAYER, post_attn_norm, post_ffn_norm, NULL};
PARTS(gemma3_parts)     = {embed_small, last_norm, LLAMA_LAYER, qk_norm_head, post_attn_norm,
                           post_ffn_norm, NULL};
PARTS(stablelm_parts)   = {embed, last_norm, last_norm_bias, output, attn_norm, attn_norm_bias, qkv,
                           qkv_bias, attn_out, ffn_norm, ffn_norm_bias, ffn_gate, ffn, NULL};
PARTS(stablelm2_parts)  = {embed, last_norm, last_norm_bias, output, attn_norm, attn_norm_bias, qkv,
                           qk_norm_heads, attn_out, ffn_gate, ffn, NULL};
PARTS(gpt2_parts)       = {embed, positions, last_norm, last_norm_bias, attn_norm, attn_norm_bias,
                           qkv_fused, qkv_fused_bias, attn_out, attn_out_bias, ffn_norm, ffn_norm_bias,
                           ffn, ffn_bias, NULL};
PARTS(falcon_parts)     = {embed, last_norm, last_norm_bias, output, attn_norm, attn_norm_bias,
                           qkv_fused, attn_out, ffn, NULL};
PARTS(falcon40_parts)   = {embed, last_norm, last_norm_bias, output, attn_norm, attn_norm_bias,
                           attn_norm_2, qkv_fused, attn_out, ffn, NULL};
PARTS(starcoder2_parts) = {embed, last_norm, last_norm_bias, attn_norm, attn_norm_bias, qkv, qkv_bias,
                           attn_out, attn_out_bias, ffn_norm, ffn_norm_bias, ffn, ffn_bias, NULL};
PARTS(olmo2_parts)      = {embed, last_norm, output, qkv, qk_norm_row, attn_out, post_attn_norm,
                           ffn_gate, ffn, post_ffn_norm, NULL};
PARTS(nomic_parts)      = {embed, bert_embed, qkv_fused, attn_out, ffn_gate, ffn, bert_norms, NULL};
PARTS(bert_parts)       = {embed, positions, bert_embed, qkv, qkv_bias, attn_out, attn_out_bias, ffn,
                           ffn_bias, bert_norms, NULL};

/* --- keys beside those that all have --- */

#define KEYS(name)  static const struct arch_key name[]
#define LAST        {NULL, 0, 0, NULL}
#define U32(k, n)   {k, GGUF_U32, n, NULL}
#define F32(k, x)   {k, GGUF_F32, x, NULL}
#define BOOL(k, b)  {k, GGUF_BOOL, b, NULL}
#define TEXT(k, t)  {k, GGUF_STRING, 0, t}
#define RMS         F32("attention.layer_norm_rms_epsilon", 0.02)
#define LAYER_NORM  F32("attention.layer_norm_epsilon", 0.02)

KEYS(llama_keys)      = {RMS, LAST};
KEYS(llama3_keys)     = {RMS, F32("rope.freq_base", 500000), LAST};
KEYS(linear_keys)     = {RMS, TEXT("rope.scaling.type", "linear"), F32("rope.scaling.factor", 4), LAST};
KEYS(yarn_keys)       = {RMS, TEXT("rope.scaling.type", "yarn"), F32("rope.scaling.factor", 4),
                         U32("rope.scaling.original_context_length", 128), LAST};
KEYS(mistral_keys)    = {RMS, F32("rope.freq_base", 1000000), LAST};
KEYS(mixtral_keys)    = {RMS, F32("rope.freq_base", 1000000), U32("expert_used_count", 2), LAST};
KEYS(qwen2_keys)      = {RMS, F32("rope.freq_base", 1000000), LAST};
KEYS(qwen2moe_keys)   = {RMS, F32("rope.freq_base", 1000000), U32("expert_used_count", 4), LAST};
KEYS(phi2_keys)       = {LAYER_NORM, LAST};
KEYS(phi3_long_keys)  = {RMS, U32("rope.scaling.original_context_length", 256),
                         F32("rope.scaling.attn_factor", 1.19), LAST};
KEYS(phi3_short_keys) = {RMS, U32("rope.scaling.original_context_length", 512),
                         F32("rope.scaling.attn_factor", 1.19), LAST};
KEYS(gemma2_keys)     = {RMS, U32("attention.sliding_window", 64), F32("attn_logit_softcapping", 5),
                         F32("final_logit_softcapping", 3), LAST};
KEYS(gemma3_keys)     = {RMS, U32("attention.sliding_window", 64), F32("rope.freq_base", 1000000), LAST};
KEYS(gemma3_scaled_keys) = {RMS, U32("attention.sliding_window", 64), F32("rope.freq_base", 1000000),
                         TEXT("rope.scaling.type", "linear"), F32("rope.scaling.factor", 8), LAST};
KEYS(stablelm_keys)   = {LAYER_NORM, BOOL("use_parallel_residual", 0), LAST};
KEYS(stablelm2_keys)  = {LAYER_NORM, BOOL("use_parallel_residual", 1), LAST};
KEYS(starcoder2_keys) = {LAYER_NORM, F32("rope.freq_base", 999999.4), LAST};
KEYS(olmo2_keys)      = {RMS, F32("rope.freq_base", 500000), LAST};
KEYS(bert_keys)       = {LAYER_NORM, BOOL("attention.causal", 0), U32("pooling_type", 2), LAST};
KEYS(nomic_keys)      = {LAYER_NORM, F32("rope.freq_base", 1000), BOOL("attention.causal", 0),
                         U32("pooling_type", 1), LAST};

/* --- the architectures --- */

/* embed, ffn, layers, heads, kv heads, head, rotated; context and words of all. */
#define SIZES(e, f, l, h, k, d, r)                                                                     \
    [M_EMBED] = e, [M_FFN] = f, [M_LAYERS] = l, [M_HEADS] = h, [M_KV_HEADS] = k, [M_HEAD_DIM] = d,     \
    [M_ROPE] = r, [M_CONTEXT] = 512, [M_VOCAB] = 512

const struct arch_model arch_models[] = {
    {"llama",        "llama", "llama-spm", NULL, llama_keys, llama_parts, {SIZES(512, 768, 3, 8, 2, 64, 64)}},
    {"llama-tied",   "llama", "gpt-2", "smollm", llama_keys, llama_tied_parts, {SIZES(256, 512, 3, 4, 4, 64, 64)}},
    {"llama3",       "llama", "gpt-2", "llama-bpe", llama3_keys, llama3_parts, {SIZES(512, 768, 3, 8, 2, 64, 64)}},
    {"llama-linear", "llama", "", NULL, linear_keys, llama_parts, {SIZES(512, 768, 3, 8, 4, 64, 64)}},
    {"llama-yarn",   "llama", "", NULL, yarn_keys, llama_parts, {SIZES(512, 768, 3, 8, 4, 64, 64)}},
    {"mistral",      "llama", "llama-spm", NULL, mistral_keys, llama_parts, {SIZES(256, 768, 3, 4, 2, 128, 128)}},
    {"mixtral",      "llama", "llama-spm", NULL, mixtral_keys, mixtral_parts,
     {SIZES(256, 512, 3, 4, 2, 64, 64), [M_EXPERTS] = 8, [M_EXPERT_FFN] = 512}},
    {"qwen2",        "qwen2", "qwen2", NULL, qwen2_keys, qwen2_parts, {SIZES(256, 768, 3, 4, 2, 64, 64)}},
    {"qwen3",        "qwen3", "qwen2", NULL, qwen2_keys, qwen3_parts, {SIZES(256, 768, 3, 4, 2, 128, 128)}},
    {"qwen2moe",     "qwen2moe", "qwen2", NULL, qwen2moe_keys, qwen2moe_parts,
     {SIZES(256, 768, 3, 4, 4, 64, 64), [M_EXPERTS] = 16, [M_EXPERT_FFN] = 256, [M_SHARED_FFN] = 512}},
    {"qwen3moe",     "qwen3moe", "qwen2", NULL, qwen2moe_keys, qwen3moe_parts,
     {SIZES(256, 768, 3, 4, 2, 128, 128), [M_EXPERTS] = 16, [M_EXPERT_FFN] = 256}},
    {"phi2",         "phi2", "gpt-2", "phi-2", phi2_keys, phi2_parts, {SIZES(512, 1024, 3, 8, 8, 64, 24)}},
    {"phi3",         "phi3", "phi-3", NULL, llama_keys, phi3_parts, {SIZES(768, 1024, 2, 8, 8, 96, 96)}},
    {"phi3-long",    "phi3", "phi-3", NULL, phi3_long_keys, phi3_long_parts, {SIZES(768, 1024, 2, 8, 4, 96, 96)}},
    {"phi3-short",   "phi3", "phi-3", NULL, phi3_short_keys, phi3_long_parts, {SIZES(768, 1024, 2, 8, 4, 96, 96)}},
    {"gemma",        "gemma", "", NULL, llama_keys, gemma_parts, {SIZES(512, 1024, 3, 4, 1, 256, 0)}},
    {"gemma2",       "gemma2", "", NULL, gemma2_keys, gemma2_parts, {SIZES(512, 1024, 4, 4, 2, 256, 0)}},
    {"gemma3",       "gemma3", "", NULL, gemma3_keys, gemma3_parts, {SIZES(256, 512, 7, 2, 1, 256, 0)}},
    {"gemma3-scaled", "gemma3", "", NULL, gemma3_scaled_keys, gemma3_parts, {SIZES(256, 512, 7, 2, 1, 256, 0)}},
    {"stablelm",     "stablelm", "", NULL, stablelm_keys, stablelm_parts, {SIZES(512, 768, 3, 8, 8, 64, 16)}},
    {"stablelm2-12b", "stablelm", "", NULL, stablelm2_keys, stablelm2_parts, {SIZES(512, 768, 3, 8, 2, 64, 16)}},
    {"gpt2",         "gpt2", "gpt-2", NULL, phi2_keys, gpt2_parts, {SIZES(512, 1024, 3, 8, 8, 64, 0)}},
    {"falcon-7b",    "falcon", "", NULL, phi2_keys, falcon_parts, {SIZES(512, 1024, 3, 8, 1, 64, 64)}},
    {"falcon-40b",   "falcon", "", NULL, phi2_keys, falcon40_parts, {SIZES(512, 1024, 3, 8, 2, 64, 64)}},
    {"starcoder2",   "starcoder2", "starcoder", NULL, starcoder2_keys, starcoder2_parts,
     {SIZES(512, 1024, 3, 8, 2, 64, 64)}},
    {"olmo2",        "olmo2", "", NULL, olmo2_keys, olmo2_parts, {SIZES(512, 768, 3, 8, 4, 64, 64)}},
    {"bert",         "bert", "bert", NULL, bert_keys, bert_parts,
     {SIZES(512, 768, 3, 8, 8, 64, 0), [M_TYPES] = 2}},
    {"nomic-bert",   "nomic-bert", "bert", NULL, nomic_keys, nomic_parts,
     {SIZES(512, 768, 3, 8, 8, 64, 64), [M_TYPES] = 2}},
};
/* clang-format on */

const size_t n_arch_models = sizeof arch_models / sizeof *arch_models;
