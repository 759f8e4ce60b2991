/* SPDX-License-Identifier: Apache-2.0
 *
 * graph_internal.h: what the files that resolve a graph share. */
#ifndef PAWL_GRAPH_INTERNAL_H
#define PAWL_GRAPH_INTERNAL_H

#include "engine/model/graph.h"

/* "<architecture>.<suffix>", the whole of it in `out`. */
const char *graph__key(const struct graph *g, const char *suffix, char out[160]);

/* Everything that is neither dimension, weight nor node. Dimensions and weights are there. Errors
 * as of graph_open. */
int graph__parameters_resolve(const struct gguf_file *f, struct graph *g);

/* Fill in scale, softcap, window and rope of n, whose rule and layer are set. */
void graph__node_parameters(const struct graph *g, struct graph_node *n);

#endif
