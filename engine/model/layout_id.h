/* SPDX-License-Identifier: Apache-2.0
 *
 * layout_id.h: which private layout this kernel gives packed weights and KV pages. The id is the
 * digest of what the kernel makes of fixed inputs; what it declares can tell two layouts apart but
 * never make them equal. Files that hold such bytes carry the id, and are refused under another.
 * Only the engine includes this. */
#ifndef PAWL_LAYOUT_ID_H
#define PAWL_LAYOUT_ID_H

#include "engine/model/graph.h"
#include "engine/run/kv_pool.h"
#include "reference/base/sha256.h"

/* Of pages of this shape (n_pages and layers aside). Errors: ERR_UNSUPPORTED, ERR_NOMEM. */
int layout_id_pages(const struct kv_shape *shape, uint64_t features, char hex[SHA256_HEX]);

/* Of all of g's weights, in their order, with their names and packed sizes. A matrix is represented
 * by a few rows of its width. Errors: alike. */
int layout_id_weights(const struct graph *g, uint64_t features, char hex[SHA256_HEX]);

#endif
