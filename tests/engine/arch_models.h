/* SPDX-License-Identifier: Apache-2.0
 *
 * arch_models.h: a small model with random weights for each architecture that the engine runs: true
 * structure, metadata keys and tensor names as in files that people have, widths of 256 to 1024, and
 * contexts longer than its sliding window. An architecture is a table (arch_tables.c): dimensions,
 * keys, and the parts its tensors come in. Scales are chosen so that activations stay near 1,
 * attention prefers some positions, and logits are spread. For tests, and for the comparison with
 * llama.cpp. */
#ifndef PAWL_TESTS_ENGINE_ARCH_MODELS_H
#define PAWL_TESTS_ENGINE_ARCH_MODELS_H

#include <stddef.h>
#include <stdint.h>

/* Symbolic extents of tensors. Those up to M_TYPES are given in the table, the others follow. */
enum arch_extent {
    M_ONE,
    M_EMBED,
    M_FFN,
    M_LAYERS,
    M_HEADS,
    M_KV_HEADS,
    M_HEAD_DIM,
    M_ROPE, /* rotated elements of a head; 0: the architecture does not rotate */
    M_CONTEXT,
    M_VOCAB, /* without a vocabulary file */
    M_EXPERTS,
    M_EXPERT_FFN,
    M_SHARED_FFN,
    M_TYPES,      /* token types of BERT */
    M_Q,          /* heads * head_dim */
    M_KV,         /* kv_heads * head_dim */
    M_QKV,        /* Q + 2 KV */
    M_GATE_UP,    /* 2 FFN */
    M_ROPE_PAIRS, /* ROPE / 2 */
    M_COUNT,
};

enum arch_tensor_kind {
    ARCH_T_MATRIX,    /* of the recipe's type; spread gain / sqrt(ne[0]): keeps a variance of 1 */
    ARCH_T_TABLE,     /* of the recipe's type; spread gain: embeddings */
    ARCH_T_ROUTER,    /* as MATRIX, but F32 in every file */
    ARCH_T_POSITIONS, /* as TABLE, but F32 in every file */
    ARCH_T_SCALE,     /* F32 around gain, spread a tenth of it */
    ARCH_T_BIAS,      /* F32 around 0, spread gain */
    ARCH_T_FACTORS,   /* F32, from 1 up to 1 + gain: divisors of rotary frequencies */
};

struct arch_tensor {
    const char *name; /* "blk.%d.attn_q.weight": one per layer where it has a %d */
    enum arch_tensor_kind kind;
    uint8_t ne[3]; /* enum arch_extent; M_ONE ends the list */
    double gain;
};

struct arch_key {
    const char *key;  /* after "<architecture>." */
    uint32_t type;    /* enum gguf_type: U32, F32, BOOL or STRING */
    double number;    /* of all but strings */
    const char *text; /* of strings */
};

struct arch_model {
    const char *name;            /* of the row: "gemma2", "llama-yarn" */
    const char *architecture;    /* general.architecture */
    const char *vocabulary;      /* "qwen2" of ggml-vocab-qwen2.gguf; "" none fits: words made up;
                                 "bert": word pieces made up */
    const char *pre;             /* tokenizer.ggml.pre, where it differs from the vocabulary's */
    const struct arch_key *keys; /* beside those that every architecture has */
    const struct arch_tensor *const *parts; /* lists of tensors, both ended by NULL */
    int64_t extents[M_TYPES + 1];
};

/* All of them, in the order of the comparison's table. */
extern const struct arch_model arch_models[];
extern const size_t n_arch_models;

const struct arch_model *arch_model_find(const char *name); /* NULL: there is none */

/* Which types the matrices have. */
struct arch_types {
    const char *name;   /* "Q4_K_M" */
    uint32_t type;      /* enum kernel_type */
    uint32_t better;    /* of values, of what comes down, and of the output matrix */
    uint32_t file_type; /* general.file_type */
};

/* F32, F16, BF16, Q4_0, ... Q4_K_M: one for each type of weights, and the mix. */
extern const struct arch_types arch_types[];
extern const size_t n_arch_types;

const struct arch_types *arch_types_find(const char *name); /* NULL: there are none */

/* Write the model to `path`, the same bytes every time. tokenizers: the folder of vocabulary files;
 * NULL: a vocabulary of M_VOCAB words made up, whatever the table says. Errors: those of gguf_open
 * for the vocabulary and of gguf_writer; ERR_UNSUPPORTED for a type without random weights. */
int arch_model_write(const struct arch_model *m, const struct arch_types *t, const char *tokenizers,
                     const char *path);

#endif
