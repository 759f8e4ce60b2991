/* SPDX-License-Identifier: Apache-2.0
 *
 * architecture.h: what a model architecture is: a table of nodes over weights, activations and
 * symbolic dimensions, and the few traits that the file does not tell. Names of keys and tensors
 * are those of GGUF files; what all architectures have in common stands in architecture_parts.h.
 * graph.h resolves a table against a file, plan.h turns the result into kernel calls. Adding an
 * architecture is adding a table here. Only the engine includes this. */
#ifndef PAWL_ARCHITECTURE_H
#define PAWL_ARCHITECTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Symbolic dimensions. The first group is resolved from metadata when the model is loaded; TOKENS
 * and OUTPUTS (tokens whose logits are asked for) vary from call to call and are bounded by the
 * plan. */
enum dim {
    DIM_ONE = 0,
    DIM_ZERO,
    DIM_VOCAB,
    DIM_EMBED,
    DIM_FFN,
    DIM_FFN_PAIR, /* gate and up in one */
    DIM_LAYERS,
    DIM_CONTEXT,
    DIM_HEADS,
    DIM_KV_HEADS,
    DIM_HEAD_DIM,
    DIM_ROPE, /* rotated elements of a head: 2 * pairs */
    DIM_ROPE_PAIRS,
    DIM_Q_EMBED,  /* head_dim * heads */
    DIM_KV_EMBED, /* head_dim * kv_heads */
    DIM_QK_EMBED, /* queries and keys in one */
    DIM_QKV_EMBED,
    DIM_EXPERTS, /* 0: the model has none */
    DIM_EXPERTS_USED,
    DIM_EXPERT_FFN,
    DIM_SHARED_FFN, /* of the expert that every token goes through */
    DIM_TOKENS,
    DIM_OUTPUTS,
    DIM_COUNT,
    DIM_ANY = DIM_COUNT, /* a weight's `whole` alone: whatever the file has */
};

/* "embed", "kv_heads", ... */
const char *dim_name(enum dim d);

enum dim_rule_kind {
    DIM_REQUIRED, /* the key must be there */
    DIM_COPY,     /* a, when the key is absent */
    DIM_SUM,      /* a + b, alike */
    DIM_PRODUCT,  /* a * b, alike */
    DIM_QUOTIENT, /* a / b, alike; the rest must be 0 */
    DIM_HALF,     /* a / 2, alike; a must be even */
    DIM_ENTRIES,  /* the vocabulary's entries, alike */
    DIM_NONE,     /* 0, alike */
};

/* How one dimension gets its value. Rules run in table order. */
struct arch_dim_rule {
    enum dim dim;
    const char *key; /* GGUF key after "<architecture>."; NULL: always derived */
    enum dim_rule_kind kind;
    enum dim a, b; /* operands of the derivation */
};

enum arch_weight_kind {
    ARCH_MATRIX, /* packed by the kernel: [ne[0], ne[1], ne[2]] */
    ARCH_VECTOR, /* f32 at run time, whatever float type the file has: [ne[0], ne[1]] */
    ARCH_HOST,   /* a vector the engine reads itself while it loads; no kernel sees it */
};

/* A weight may be a part of a tensor: then that has `whole` rows (a vector: elements), and the
 * weight is those from `first` on. */
struct arch_weight {
    const char *pattern; /* "blk.%d.attn_q.weight": one per layer where it has a %d */
    enum arch_weight_kind kind;
    enum dim ne[3];
    uint8_t absent; /* the weight that serves when this one is absent; 0: none */
    enum dim whole; /* DIM_ONE: the weight is the tensor */
    enum dim first;
};

/* An activation. A node that writes it without reading it starts a new life of it, so one value
 * serves all layers; the planner gives each life its place. */
struct arch_value {
    const char *name;
    uint32_t type; /* enum kernel_type */
    enum dim ne[3];
};

enum arch_op {
    ARCH_END = 0, /* ends a part */
    ARCH_EMBED,   /* in: ids or positions; weight: table; out: rows */
    ARCH_NORM,    /* in: x; weight: scale; bias; out. The architecture's kind of norm, over rows of
                   * the weight's length: of tokens or of heads. Tokens in, outputs out: only the
                   * rows that are asked for */
    ARCH_LINEAR, /* in: x; weight[i], bias[i] -> out[i], i < ARCH_MAX_LINKS: one list of products */
    ARCH_ROPE,   /* in = out: heads to rotate */
    ARCH_KV_STORE,  /* in: k, v */
    ARCH_ATTENTION, /* in: q; out */
    ARCH_GLU,       /* in: gate, and up or nothing; out: the architecture's activation */
    ARCH_ADD,       /* in: a, and b or a weight; out */
    ARCH_SCALE,     /* in; out: times sqrt(embed) */
    ARCH_SELECT,    /* in: tokens; out: the rows that are asked for */
    ARCH_SOFTCAP,   /* in; out: the cap on logits; left out where the model has none */
    ARCH_SIGMOID,   /* in; out */
    ARCH_SOFTMAX,   /* in; out */
    ARCH_TOP_K,     /* in: probabilities; out: ids, their weights */
    ARCH_EXPERTS,   /* in: x, ids; weight[i] -> out[i]: products by expert */
    ARCH_MIX,       /* in: x of the experts, their weights; out */
};

enum { ARCH_MAX_LINKS = 3 /* values or weights of one node */ };

struct arch_node {
    const char *name;
    enum arch_op op;
    uint8_t in[ARCH_MAX_LINKS];     /* values (architecture_parts.h); 0 ends the list */
    uint8_t out[ARCH_MAX_LINKS];    /* values */
    uint8_t weight[ARCH_MAX_LINKS]; /* weights, required */
    uint8_t bias[ARCH_MAX_LINKS];   /* weights; an absent one adds nothing */
};

/* A run of nodes, up to ARCH_END. A list of parts ends with one that has none. */
struct arch_part {
    const struct arch_node *nodes;
    uint8_t with, without; /* it stands only where the file has, or has not, this weight */
};

/* Kinds of activation, as KERNEL_I_ACT numbers them. */
enum arch_activation { ARCH_SILU = 0, ARCH_GELU = 1 /* by tanh */ };
enum arch_norm { ARCH_NORM_RMS, ARCH_NORM_LAYER };
enum arch_rope { ARCH_ROPE_NONE, ARCH_ROPE_ADJACENT, ARCH_ROPE_HALVES };

/* Sliding windows: in each run of `period` layers all but the last see `window` positions. */
struct arch_window {
    uint32_t period;  /* 0: no windows, 1: in every layer; a key of the file goes before */
    int64_t window;   /* where the file does not say; 0: none then */
    bool plain_rope;  /* layers with a window leave the model's rotary scaling out */
    double rope_base; /* theirs, where the file does not say; 0: as the other layers' */
};

struct architecture {
    const char *name;                 /* general.architecture */
    const struct arch_dim_rule *dims; /* after those of all architectures, up to DIM_ONE; or NULL */
    const struct arch_part *before;   /* once per batch of tokens */
    const struct arch_part *layer;    /* once per layer */
    const struct arch_part *after;    /* once per chunk of outputs */
    enum arch_norm norm;
    enum arch_rope rope;
    enum arch_activation activation; /* of ARCH_GLU */
    bool normalize_experts;          /* weights of the chosen experts are made to sum to 1 */
    bool bidirectional;              /* tokens see those after them; a key goes before */
    struct arch_window window;       /* {0}: none */
    double attention_cap, logit_cap; /* soft-caps where the file does not say; 0: none */
    int64_t embed_scaled_layers; /* a model of so many layers scales attention by embed / heads */
};

extern const struct architecture architecture_bert, architecture_falcon, architecture_gemma,
    architecture_gemma2, architecture_gemma3, architecture_gpt2, architecture_llama,
    architecture_nomic_bert, architecture_olmo2, architecture_phi2, architecture_phi3,
    architecture_qwen2, architecture_qwen2moe, architecture_qwen3, architecture_qwen3moe,
    architecture_stablelm, architecture_starcoder2;

/* The table named `name` (not NUL-terminated), or NULL. */
const struct architecture *architecture_find(const char *name, size_t len);

/* "bert, falcon, ..." for messages. */
const char *architecture_names(void);

#endif
