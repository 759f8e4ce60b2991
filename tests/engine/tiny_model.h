/* SPDX-License-Identifier: Apache-2.0
 *
 * tiny_model.h: Llama models of any small size with random weights, written as GGUF files, so that
 * graph, plan and session can be tested on shapes no trained model has. Tests of engine/ only. */
#ifndef PAWL_TESTS_ENGINE_TINY_MODEL_H
#define PAWL_TESTS_ENGINE_TINY_MODEL_H

#include "engine/gguf/gguf.h"

struct tiny_model {
    int64_t embed, heads, kv_heads, ffn, layers, vocab, context;
    int64_t rope;             /* rope.dimension_count; 0: no key */
    uint32_t type;            /* of the matrices: F32, F16, Q8_0, Q4_K or Q6_K; 0 is F32 */
    uint32_t v_type;          /* of attn_v, alike; 0: as the others (F32 cannot be asked for) */
    bool biases;              /* on q, k, v and attn_output */
    bool output;              /* an output matrix of its own */
    bool rope_factors;        /* rope_freqs.weight */
    double rope_scaling;      /* linear factor; 0: no key */
    const char *architecture; /* NULL: "llama" */
    const char *without;      /* a tensor to leave out, or a key after "llama." */
    const char *misshapen;    /* a tensor to give one row too many */
    const char *u32_key;      /* a key to give this value instead */
    uint32_t u32_value;
    const char *f32_key; /* alike */
    float f32_value;
    const char *spoilt; /* an F32 tensor whose last element is spoilt_value */
    float spoilt_value;
};

/* A model that every test of shapes can start from: GQA, sizes that are no multiple of a tile. */
extern const struct tiny_model tiny_f32;

/* A fresh temporary file with that model: path is filled. Fails the test when it cannot. */
void tiny_model_write(const struct tiny_model *t, char path[64]);

#endif
