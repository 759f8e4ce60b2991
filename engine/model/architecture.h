/* SPDX-License-Identifier: Apache-2.0
 *
 * architecture.h: what a model architecture is: one table of dimension rules, weights, values and
 * nodes over symbolic dimensions, with no number in it. graph.h resolves a table against a GGUF
 * file, plan.h turns the result into kernel calls. Adding an architecture is adding a table here.
 * Only the engine includes this. */
#ifndef PAWL_ARCHITECTURE_H
#define PAWL_ARCHITECTURE_H

#include <stddef.h>
#include <stdint.h>

/* Symbolic dimensions. The first group is resolved from metadata when the model is loaded; TOKENS
 * and OUTPUTS (tokens whose logits are asked for) vary from call to call and are bounded by the
 * plan. */
enum dim {
    DIM_ONE = 0,
    DIM_VOCAB,
    DIM_EMBED,
    DIM_FFN,
    DIM_LAYERS,
    DIM_CONTEXT,
    DIM_HEADS,
    DIM_KV_HEADS,
    DIM_HEAD_DIM,
    DIM_ROPE, /* rotated elements of a head: 2 * pairs */
    DIM_ROPE_PAIRS,
    DIM_Q_EMBED,  /* head_dim * heads */
    DIM_KV_EMBED, /* head_dim * kv_heads */
    DIM_TOKENS,
    DIM_OUTPUTS,
    DIM_COUNT,
};

/* "embed", "kv_heads", ... */
const char *dim_name(enum dim d);

enum dim_rule_kind {
    DIM_REQUIRED, /* the key must be there */
    DIM_COPY,     /* a, when the key is absent */
    DIM_PRODUCT,  /* a * b, alike */
    DIM_QUOTIENT, /* a / b, alike; the rest must be 0 */
    DIM_HALF,     /* a / 2, alike; a must be even */
    DIM_ENTRIES,  /* the vocabulary's entries, alike */
};

/* How one dimension gets its value. Rules run in table order. */
struct arch_dim_rule {
    enum dim dim;
    const char *key; /* GGUF key after "<architecture>."; NULL: always derived */
    enum dim_rule_kind kind;
    enum dim a, b; /* operands of the derivation */
};

enum arch_weight_kind {
    ARCH_MATRIX, /* packed by the kernel: [ne[0], ne[1]] */
    ARCH_VECTOR, /* f32 at run time, whatever float type the file has */
    ARCH_HOST,   /* a vector the engine reads itself while it loads; no kernel sees it */
};

struct arch_weight {
    const char *pattern; /* "blk.%d.attn_q.weight": one per layer where it has a %d */
    enum arch_weight_kind kind;
    enum dim ne[2];
    int absent; /* the weight that serves when this one is absent, or ARCH_REQUIRED, ARCH_OPTIONAL
                 */
};

enum {
    ARCH_REQUIRED = -1,
    ARCH_OPTIONAL = -2,
    ARCH_NONE = 255,    /* an unused value or weight slot */
    ARCH_MAX_LINKS = 3, /* values or weights of one node */
};

/* An activation. A node that writes it without reading it starts a new life of it, so one value
 * serves all layers; the planner gives each life its place. */
struct arch_value {
    const char *name;
    uint32_t type; /* enum kernel_type */
    enum dim ne[3];
};

enum arch_op {
    ARCH_EMBED,    /* in: ids; weight: table; out: rows */
    ARCH_RMS_NORM, /* in: x; weight: scale; out. Tokens in, outputs out: only the asked rows */
    ARCH_LINEAR, /* in: x; weight[i], bias[i] -> out[i], i < ARCH_MAX_LINKS: one list of products */
    ARCH_ROPE,   /* in = out: heads to rotate; param: KERNEL_I_STYLE */
    ARCH_KV_STORE,  /* in: k, v */
    ARCH_ATTENTION, /* in: q; out */
    ARCH_GLU,       /* in: gate, up; out; param: KERNEL_I_ACT */
    ARCH_ADD,       /* in: a, b; out */
};

enum arch_section { ARCH_BEFORE, ARCH_LAYER, ARCH_AFTER };

struct arch_node {
    const char *name;
    enum arch_section
        section; /* BEFORE once, LAYER once per layer, AFTER once per chunk of outputs */
    enum arch_op op;
    uint8_t in[ARCH_MAX_LINKS];     /* values; ARCH_NONE ends the list */
    uint8_t out[ARCH_MAX_LINKS];    /* values */
    uint8_t weight[ARCH_MAX_LINKS]; /* weights */
    uint8_t
        bias[ARCH_MAX_LINKS]; /* weights, ARCH_LINEAR alone; an absent optional one adds nothing */
    int param;
};

struct architecture {
    const char *name; /* general.architecture */
    const struct arch_dim_rule *dims;
    size_t n_dims;
    const struct arch_weight *weights;
    size_t n_weights;
    const struct arch_value *values;
    size_t n_values;
    const struct arch_node *nodes;
    size_t n_nodes;
    uint8_t ids, logits;  /* the values where tokens enter and logits leave */
    uint8_t rope_factors; /* ARCH_HOST weight: divisors of the rotary frequencies, or ARCH_NONE */
    const char *norm_epsilon_key; /* after "<architecture>." */
};

extern const struct architecture architecture_llama;

/* The table named `name` (not NUL-terminated), or NULL. */
const struct architecture *architecture_find(const char *name, size_t len);

/* "llama, ..." for messages. */
const char *architecture_names(void);

#endif
