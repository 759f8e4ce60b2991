/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/kv_cache.h"

#include "reference/base/err.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct kv_cache {
    struct kv_pool *pool;
    int32_t
        *table; /* [pages of max_positions + 1], n_used valid; one more for the copy of a page */
    uint32_t n_used, n_positions, max_positions;
};

int kv_cache_open(struct kv_pool *pool, uint32_t max_positions, struct kv_cache **out)
{
    struct kv_cache *c = calloc(1, sizeof *c);
    int32_t *table = calloc((size_t)kv_pages_for(max_positions) + 1, sizeof *table);

    *out = NULL;
    if (!c || !table) {
        free(c);
        free(table);
        return err_set(ERR_NOMEM, "no memory for a page table of %u positions", max_positions);
    }
    c->pool = kv_pool_use(pool);
    c->table = table;
    c->max_positions = max_positions;
    *out = c;
    return 0;
}

void kv_cache_close(struct kv_cache **c)
{
    if (!*c)
        return;
    kv_cache_truncate(*c, 0);
    kv_pool_release(&(*c)->pool);
    free((*c)->table);
    free(*c);
    *c = NULL;
}

int kv_cache_reserve(struct kv_cache *c, uint32_t n_positions)
{
    uint32_t last = c->n_used - 1, need = kv_pages_for(n_positions), n_new;
    bool copy;

    assert(n_positions <= c->max_positions);
    if (n_positions <= c->n_positions)
        return 0;
    copy = c->n_positions % KERNEL_PAGE_POSITIONS && kv_pool_is_shared(c->pool, c->table[last]);
    n_new = need - c->n_used + copy;
    if (kv_pool_take(c->pool, n_new, c->table + c->n_used) < 0)
        return err_wrap("the KV cache is full at position %u (--ctx sets its size, which a session "
                        "shares with its forks)",
                        c->n_positions);
    if (copy) {
        int32_t fresh = c->table[need];

        memcpy(kv_pool_page(c->pool, fresh), kv_pool_page(c->pool, c->table[last]),
               kv_pool_id_bytes(c->pool));
        kv_pool_drop(c->pool, 1, &c->table[last]);
        c->table[last] = fresh;
    }
    c->n_used = need;
    c->n_positions = n_positions;
    return 0;
}

void kv_cache_truncate(struct kv_cache *c, uint32_t n_positions)
{
    uint32_t keep = kv_pages_for(n_positions);

    if (n_positions >= c->n_positions)
        return;
    kv_pool_drop(c->pool, c->n_used - keep, c->table + keep);
    c->n_used = keep;
    c->n_positions = n_positions;
}

void kv_cache_share(struct kv_cache *c, const struct kv_cache *from, uint32_t n_positions)
{
    uint32_t n = kv_pages_for(n_positions);

    assert(c->pool == from->pool && n_positions <= from->n_positions &&
           n_positions <= c->max_positions);
    /* Hold before letting go: they may be the same pages, or the same timeline. */
    kv_pool_hold(c->pool, n, from->table);
    kv_pool_drop(c->pool, c->n_used, c->table);
    memmove(c->table, from->table, n * sizeof *c->table);
    c->n_used = n;
    c->n_positions = n_positions;
}

const int32_t *kv_cache_table(const struct kv_cache *c)
{
    return c->table;
}

uint32_t kv_cache_n_used(const struct kv_cache *c)
{
    return c->n_used;
}

struct kv_pool *kv_cache_pool(const struct kv_cache *c)
{
    return c->pool;
}
