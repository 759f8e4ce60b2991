/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_cache.h: one timeline over a pool of KV pages: a table lists the page ids in order. Timelines
 * share pages, and a page is copied when one of several holders is about to write to it; only the
 * page that a timeline ends in can be both shared and written. One thread at a time drives a
 * timeline; timelines of one pool may have different threads. Only the engine includes this. */
#ifndef PAWL_KV_CACHE_H
#define PAWL_KV_CACHE_H

#include "engine/run/kv_pool.h"

struct kv_cache;

/* An empty timeline of at most max_positions over `pool`, which it uses until it is closed.
 * Error: ERR_NOMEM. */
int kv_cache_open(struct kv_pool *pool, uint32_t max_positions, struct kv_cache **out);
void kv_cache_close(struct kv_cache **c);

/* Make the table cover positions 0..n_positions-1 (at most max_positions); those that are new may
 * be written. Error: ERR_RANGE when the pool has no page left; then nothing has changed. Allocates
 * nothing. */
int kv_cache_reserve(struct kv_cache *c, uint32_t n_positions);

/* Forget position n_positions and all after it; pages without another holder become free. */
void kv_cache_truncate(struct kv_cache *c, uint32_t n_positions);

/* Forget everything, then hold the first n_positions of `from`, a timeline of the same pool and at
 * least that long. Copies no page. `from` must be at rest. */
void kv_cache_share(struct kv_cache *c, const struct kv_cache *from, uint32_t n_positions);

/* Page ids in use, position t in table[t / 64]: borrowed, i32 [kv_cache_n_used]. The address stays
 * the same until close. */
const int32_t *kv_cache_table(const struct kv_cache *c);
uint32_t kv_cache_n_used(const struct kv_cache *c);

struct kv_pool *kv_cache_pool(const struct kv_cache *c);

#endif
