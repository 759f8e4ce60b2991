/* SPDX-License-Identifier: Apache-2.0
 *
 * weight_store.h: all weights of a graph in one resident mapping, matrices in the kernel's own
 * layout, vectors as f32. The source pages are given back to the system as soon as they are
 * packed. Only the engine includes this. */
#ifndef PAWL_WEIGHT_STORE_H
#define PAWL_WEIGHT_STORE_H

#include "engine/model/graph.h"
#include "engine/model/resident.h"

/* Pack every weight that g has, with a team of n_threads, and point g's tensors at the result
 * (valid until resident_unmap). A tied weight is packed once. `drop_source` gives the file's pages
 * back: only for tensors that lie in a mapped file. Errors: ERR_UNSUPPORTED naming the tensor and
 * type that the kernel cannot pack; ERR_NOMEM. */
int weight_store_open(struct graph *g, uint32_t n_threads, uint64_t features, bool drop_source,
                      struct resident *out);

/* Point g's tensors at weights that were packed before, as weight_store_open lays them out with
 * these features. packed: KERNEL_ALIGN aligned, borrowed, only read. Errors: ERR_FORMAT for another
 * size; ERR_UNSUPPORTED. */
int weight_store_use(struct graph *g, uint64_t features, const void *packed, size_t bytes);

#endif
