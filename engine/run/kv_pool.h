/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_pool.h: the memory of keys and values, in pages of 64 positions, that the sessions of a family
 * share (Kwon et al. 2023, "PagedAttention"). One page id stands for these positions in every layer
 * and KV head. A page is held by every timeline whose table names it; whoever is its only holder
 * may write to it, all others read. What is inside a page is the kernel's business (kernel.h,
 * KERNEL_PAGES).
 *
 * The pool is never defragmented, and need not be: all pages are of one size, and a table finds
 * them wherever they lie, so any free page serves as well as any other, and no more is ever lost
 * than the unfilled end of each timeline's last page. Neighbours in a timeline need not be
 * neighbours in memory: a page is many kilobytes, read from one end to the other.
 *
 * Any thread may call these functions at any time. Only the engine includes this. */
#ifndef PAWL_KV_POOL_H
#define PAWL_KV_POOL_H

#include "kernel/kernel.h"

#include <stdbool.h>

struct kv_shape {
    uint32_t type; /* KERNEL_F16 or KERNEL_Q8_0 */
    uint32_t head_dim, kv_heads, layers;
    uint32_t n_pages;  /* page ids of the pool: positions / 64, rounded up */
    size_t page_bytes; /* one page of one KV head, a multiple of 64; see kv_page_bytes */
};

/* Pages that n_positions fill, the last one perhaps in part. */
static inline uint32_t kv_pages_for(uint32_t n_positions)
{
    return n_positions / KERNEL_PAGE_POSITIONS + (n_positions % KERNEL_PAGE_POSITIONS != 0);
}

/* Bytes of one page of one KV head, as the kernel declares them. Error: ERR_UNSUPPORTED. */
int kv_page_bytes(const struct kv_shape *shape, uint64_t features, size_t *out);

/* The pages of one layer from the shape alone, data NULL, for planning. */
struct kernel_tensor kv_shape_layer(const struct kv_shape *shape);

struct kv_pool;

/* All pages free. The memory is reserved now and taken by the system as pages are first written.
 * *out has one user. Errors: ERR_NOMEM, ERR_RANGE. */
int kv_pool_open(const struct kv_shape *shape, struct kv_pool **out);

/* One more user of the pool; each releases it once, the last frees it. Release takes NULL too. */
struct kv_pool *kv_pool_use(struct kv_pool *p);
void kv_pool_release(struct kv_pool **p);

/* n free pages, each now with one holder, their ids in ids[0..n-1]; or none of them.
 * Error: ERR_RANGE when fewer are free. Allocates nothing. */
int kv_pool_take(struct kv_pool *p, uint32_t n, int32_t *ids);

/* One holder more, or one less, of each of these pages. A page without a holder is free. */
void kv_pool_hold(struct kv_pool *p, uint32_t n, const int32_t *ids);
void kv_pool_drop(struct kv_pool *p, uint32_t n, const int32_t *ids);

/* Whether others hold the page too. Who holds it alone is sure of that until it shares the page. */
bool kv_pool_is_shared(struct kv_pool *p, int32_t id);

/* All layers and heads of page `id`: kv_pool_id_bytes of them, 64-byte aligned. The bytes belong
 * to the holders. */
void *kv_pool_page(const struct kv_pool *p, int32_t id);
size_t kv_pool_id_bytes(const struct kv_pool *p);

const struct kv_shape *kv_pool_shape(const struct kv_pool *p);
uint32_t kv_pool_n_free(struct kv_pool *p);

/* The pages of one layer as kernels want them: [head_dim, 64, kv_heads, n_pages]. nb[3], from one
 * page id to the next, spans all layers. data is borrowed. */
struct kernel_tensor kv_pool_layer(const struct kv_pool *p, uint32_t layer);

#endif
