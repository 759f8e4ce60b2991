/* SPDX-License-Identifier: Apache-2.0
 *
 * graph.h: an architecture's table resolved against one GGUF file: every dimension a number, every
 * weight found and its shape checked, every node of every layer listed in order with its own
 * parameters. No buffer and no memory for weights yet (plan.h, weight_store.h). Only the engine
 * includes this. */
#ifndef PAWL_GRAPH_H
#define PAWL_GRAPH_H

#include "engine/model/architecture_parts.h"
#include "engine/gguf/gguf.h"

#include <stdio.h>

struct graph_weight {
    const struct arch_weight *rule;
    const struct gguf_tensor *source; /* in the file; NULL: absent */
    int64_t first;                    /* of the source's rows, or elements: where this begins */
    int32_t layer;                    /* -1: outside the layers */
    struct kernel_tensor tensor;      /* what kernels see; data NULL until weight_store_open */
};

enum graph_section { GRAPH_BEFORE, GRAPH_LAYER, GRAPH_AFTER };

struct graph_node {
    const struct arch_node *rule;
    enum graph_section section;
    int32_t layer;                  /* -1: outside the layers */
    int32_t weight[ARCH_MAX_LINKS]; /* indices of graph.weights; -1: none */
    int32_t bias[ARCH_MAX_LINKS];
    float scale;    /* ARCH_ATTENTION: of the scores; ARCH_SCALE, ARCH_SELECT: of the values */
    float softcap;  /* ARCH_ATTENTION, ARCH_SOFTCAP; 0: none */
    int64_t window; /* ARCH_ATTENTION: positions it sees; 0: all */
    uint32_t rope;  /* ARCH_ROPE: index of graph.ropes */
};

/* One way to rotate: theta of pair i at position p is p * base^(-i / pairs) / factor[i], times
 * `scale`; with YaRN (Peng et al. 2023) fast pairs are left unscaled. */
struct graph_rope {
    double base, scale;
    double magnitude;   /* of cosines and sines: YaRN's and LongRoPE's attention factor */
    bool yarn;          /* fast and slow: turns within the original context at which */
    double fast, slow;  /* scaling begins and is full */
    int64_t original;   /* context of the first training */
    int32_t factors[2]; /* weights: up to the original context, and beyond it; -1: none */
};

enum {
    GRAPH_MAX_ROPES = 2, /* layers that see all, layers with a window */
    GRAPH_ROPE_SHORT = 0,
    GRAPH_ROPE_LONG = 1,
};

/* How the hidden states of a text become one vector; the numbers are GGUF's. */
enum graph_pooling { GRAPH_POOL_NONE, GRAPH_POOL_MEAN, GRAPH_POOL_CLS, GRAPH_POOL_LAST };

struct graph {
    const struct architecture *arch;
    int64_t dims[DIM_COUNT]; /* DIM_TOKENS and DIM_OUTPUTS are 0 here: they vary */
    float norm_epsilon;
    bool causal;
    bool has_logits;                     /* false: hidden states are all it gives */
    int64_t n_learned;                   /* positions it has learned one by one; 0: any number */
    int64_t pooling;                     /* enum graph_pooling */
    int64_t window;                      /* of the layers that have one; 0: none has */
    int64_t window_period;               /* all layers but the last of so many; 0: all layers */
    const struct gguf_kv *window_layers; /* bools, one per layer, instead of a period; or NULL */
    double attention_cap, logit_cap;     /* 0: none */
    struct graph_rope ropes[GRAPH_MAX_ROPES];
    uint32_t n_ropes;
    struct graph_weight *weights;
    uint32_t n_weights;
    int32_t entries[W_COUNT]; /* where the weights of each rule begin; -1: it is not used */
    struct graph_node *nodes; /* before, layers 0.., after */
    uint32_t n_nodes;
};

/* Resolve f's architecture. *out borrows f: close the graph first.
 * Errors: ERR_UNSUPPORTED (unknown architecture: the message lists the known ones; a rotary scaling
 * we do not do; a tensor that the architecture has no use for), ERR_FORMAT naming the key, or the
 * tensor with the shape it has and the shape it should have, ERR_RANGE, ERR_NOMEM. Threads: any. */
int graph_open(const struct gguf_file *f, struct graph **out);
void graph_close(struct graph **g);

/* Index in graph.weights of what serves as weight `w` (W_*) of `layer`: itself, its stand-in, or
 * -1. */
int32_t graph_weight_find(const struct graph *g, uint8_t w, int32_t layer);

/* The weight as it lies in the file; data NULL when the file is a head alone. */
struct kernel_tensor graph_weight_source(const struct graph_weight *w);

/* A vector of the file as f32: out [ne[0] * ne[1]]. Its type is F32, F16 or BF16 (graph_open
 * checked). */
void graph_vector_read(const struct graph_weight *w, float *out);

/* Dimensions, parameters and weights for people. */
void graph_print(const struct graph *g, FILE *out);

#endif
