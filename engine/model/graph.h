/* SPDX-License-Identifier: Apache-2.0
 *
 * graph.h: an architecture's table resolved against one GGUF file: every dimension a number, every
 * weight found and its shape checked, every node of every layer listed in order. No buffer and no
 * memory for weights yet (plan.h, weight_store.h). Only the engine includes this. */
#ifndef PAWL_GRAPH_H
#define PAWL_GRAPH_H

#include "engine/model/architecture.h"
#include "engine/gguf/gguf.h"

#include <stdio.h>

struct graph_weight {
    const struct arch_weight *rule;
    const struct gguf_tensor *source; /* in the file; NULL: absent and optional */
    int32_t layer;                    /* -1: outside the layers */
    struct kernel_tensor tensor;      /* what kernels see; data NULL until weight_store_open */
};

struct graph_node {
    const struct arch_node *rule;
    int32_t layer;                  /* -1: outside the layers */
    int32_t weight[ARCH_MAX_LINKS]; /* indices of graph.weights; -1: none */
    int32_t bias[ARCH_MAX_LINKS];
};

struct graph {
    const struct architecture *arch;
    int64_t dims[DIM_COUNT]; /* DIM_TOKENS and DIM_OUTPUTS are 0 here: they vary */
    float norm_epsilon;
    double rope_base; /* theta of pair i at position p: p * rope_scale * base^(-i / pairs) */
    double rope_scale;
    int32_t rope_factors; /* weight that divides each pair's frequency, -1: none */
    struct graph_weight *weights;
    uint32_t n_weights;
    struct graph_node *nodes; /* BEFORE, layers 0.., AFTER */
    uint32_t n_nodes;
};

/* Resolve f's architecture. *out borrows f: close the graph first.
 * Errors: ERR_UNSUPPORTED (unknown architecture: the message lists the known ones; a rotary scaling
 * or a mixture of experts we do not do), ERR_FORMAT naming the key, or the tensor with the shape it
 * has and the shape it should have, ERR_RANGE, ERR_NOMEM. Threads: any. */
int graph_open(const struct gguf_file *f, struct graph **out);
void graph_close(struct graph **g);

/* The vector w of the file as f32: out [ne[0]]. Its type is F32, F16 or BF16 (graph_open checked).
 */
void graph_vector_read(const struct graph_weight *w, float *out);

/* Dimensions and weights for people. */
void graph_print(const struct graph *g, FILE *out);

#endif
