/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_cache.h: keys and values in pages of 64 positions. One page id stands for these positions in
 * every layer and KV head; a pool hands ids out, a page table lists those of the session in
 * order. What is inside a page is the kernel's business (kernel.h, KERNEL_PAGES). Only the engine
 * includes this. */
#ifndef PAWL_KV_CACHE_H
#define PAWL_KV_CACHE_H

#include "kernel/kernel.h"

struct kv_shape {
    uint32_t type; /* KERNEL_F16 or KERNEL_Q8_0 */
    uint32_t head_dim, kv_heads, layers;
    uint32_t n_pages;  /* page ids: positions / 64, rounded up */
    size_t page_bytes; /* one page of one KV head, a multiple of 64; see kv_page_bytes */
};

struct kv_cache;

/* Bytes of one page of one KV head, as the kernel declares them. Error: ERR_UNSUPPORTED. */
int kv_page_bytes(const struct kv_shape *shape, uint64_t features, size_t *out);

/* An empty timeline over a pool of shape->n_pages ids. The memory is reserved now and taken by the
 * system as pages are first written. Errors: ERR_NOMEM, ERR_RANGE. */
int kv_cache_open(const struct kv_shape *shape, struct kv_cache **out);
void kv_cache_close(struct kv_cache **c);

/* Make the table cover positions 0..n_positions-1. Error: ERR_RANGE when the pool is empty; then
 * nothing has changed. Allocates nothing. */
int kv_cache_reserve(struct kv_cache *c, uint32_t n_positions);

/* Forget position n_positions and all after it; whole pages go back to the pool. */
void kv_cache_truncate(struct kv_cache *c, uint32_t n_positions);

/* Page ids in use, position t in table[t / 64]: borrowed, i32 [kv_cache_n_used]. */
const int32_t *kv_cache_table(const struct kv_cache *c);
uint32_t kv_cache_n_used(const struct kv_cache *c);

/* The pages of one layer as kernels want them: [head_dim, 64, kv_heads, n_pages]. nb[3], from one
 * page id to the next, spans all layers. data is borrowed. */
struct kernel_tensor kv_cache_layer(const struct kv_cache *c, uint32_t layer);

/* The same from the shape alone, data NULL, for planning. */
struct kernel_tensor kv_shape_layer(const struct kv_shape *shape);

#endif
