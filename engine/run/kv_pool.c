/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/kv_pool.h"

#include "engine/model/resident.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct kv_pool {
    struct kv_shape shape;
    struct resident memory; /* page ids; in each: layers; in each: KV heads */
    pthread_mutex_t lock;   /* of all below; page bytes need none, see kv_pool.h */
    uint32_t n_users;
    uint32_t *n_holders; /* [n_pages] */
    int32_t *free_ids;   /* [n_pages], a stack of n_free */
    uint32_t n_free;
};

struct kernel_tensor kv_shape_layer(const struct kv_shape *s)
{
    struct kernel_tensor t = {
        .type = s->type,
        .layout = KERNEL_PAGES,
        .ne = {s->head_dim, KERNEL_PAGE_POSITIONS, s->kv_heads, s->n_pages},
    };

    t.nb[2] = s->page_bytes;
    t.nb[3] = s->page_bytes * s->kv_heads * s->layers;
    return t;
}

int kv_page_bytes(const struct kv_shape *shape, uint64_t features, size_t *out)
{
    struct kernel_call call = {.op = KERNEL_KV_STORE, .n_in = 3, .n_out = 1};
    const size_t row = shape->head_dim * sizeof(float);
    struct kernel_tiling tiling;

    for (int i = 0; i < 2; i++)
        call.in[i] = (struct kernel_tensor){
            .type = KERNEL_F32,
            .ne = {shape->head_dim, shape->kv_heads, 1, 1},
            .nb = {sizeof(float), row, row * shape->kv_heads, row * shape->kv_heads},
        };
    call.in[2] = (struct kernel_tensor){
        .type = KERNEL_I32, .ne = {shape->n_pages, 1, 1, 1}, .nb = {4, 4, 4, 4}};
    call.out[0] = kv_shape_layer(shape);
    if (get_tiling_meta(&call, 1, features, &tiling) != KERNEL_OK)
        return err_set(ERR_UNSUPPORTED, "kernel %s keeps no KV pages of type %u, head size %u",
                       kernel_name, shape->type, shape->head_dim);
    if (tiling.opaque_bytes == 0 || tiling.opaque_bytes % KERNEL_ALIGN)
        return err_set(ERR_UNSUPPORTED, "kernel %s declares KV pages of %zu bytes", kernel_name,
                       tiling.opaque_bytes);
    *out = tiling.opaque_bytes;
    return 0;
}

/* --- life --- */

static int pool_allocate(struct kv_pool *p)
{
    const struct kv_shape *s = &p->shape;
    size_t bytes;

    if (!size_mul(s->page_bytes, s->kv_heads, &bytes) || !size_mul(bytes, s->layers, &bytes) ||
        !size_mul(bytes, s->n_pages, &bytes))
        return err_set(ERR_RANGE, "a KV cache of %u pages is beyond any memory", s->n_pages);
    TRY(resident_map(bytes, "KV cache (--ctx sets its size)", &p->memory));
    p->n_holders = calloc(s->n_pages, sizeof *p->n_holders);
    p->free_ids = calloc(s->n_pages, sizeof *p->free_ids);
    if (!p->n_holders || !p->free_ids)
        return err_set(ERR_NOMEM, "no memory for the list of %u KV pages", s->n_pages);
    /* Low ids leave the stack first, so that a fresh timeline is one contiguous run of pages. */
    for (uint32_t id = s->n_pages; id-- > 0;)
        p->free_ids[p->n_free++] = (int32_t)id;
    return 0;
}

int kv_pool_open(const struct kv_shape *shape, struct kv_pool **out)
{
    struct kv_pool *p = calloc(1, sizeof *p);
    int rc;

    *out = NULL;
    if (!p)
        return err_set(ERR_NOMEM, "no memory for a KV cache");
    p->shape = *shape;
    p->n_users = 1;
    pthread_mutex_init(&p->lock, NULL);
    rc = pool_allocate(p);
    if (rc < 0) {
        kv_pool_release(&p);
        return rc;
    }
    *out = p;
    return 0;
}

struct kv_pool *kv_pool_use(struct kv_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->n_users++;
    pthread_mutex_unlock(&p->lock);
    return p;
}

void kv_pool_release(struct kv_pool **at)
{
    struct kv_pool *p = *at;
    uint32_t n_left;

    *at = NULL;
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    n_left = --p->n_users;
    pthread_mutex_unlock(&p->lock);
    if (n_left)
        return;
    resident_unmap(&p->memory);
    pthread_mutex_destroy(&p->lock);
    free(p->n_holders);
    free(p->free_ids);
    free(p);
}

/* --- pages --- */

int kv_pool_take(struct kv_pool *p, uint32_t n, int32_t *ids)
{
    uint32_t n_free;

    pthread_mutex_lock(&p->lock);
    n_free = p->n_free;
    for (uint32_t i = 0; n <= n_free && i < n; i++) {
        ids[i] = p->free_ids[--p->n_free];
        p->n_holders[ids[i]] = 1;
    }
    pthread_mutex_unlock(&p->lock);
    if (n > n_free)
        return err_set(ERR_RANGE, "of the KV cache's %u pages %u are free, not the %u asked for",
                       p->shape.n_pages, n_free, n);
    return 0;
}

void kv_pool_hold(struct kv_pool *p, uint32_t n, const int32_t *ids)
{
    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < n; i++) {
        assert(p->n_holders[ids[i]] > 0);
        p->n_holders[ids[i]]++;
    }
    pthread_mutex_unlock(&p->lock);
}

void kv_pool_drop(struct kv_pool *p, uint32_t n, const int32_t *ids)
{
    pthread_mutex_lock(&p->lock);
    /* From the end, so that the first are the next to be taken. */
    for (uint32_t i = n; i-- > 0;) {
        assert(p->n_holders[ids[i]] > 0);
        if (--p->n_holders[ids[i]] == 0)
            p->free_ids[p->n_free++] = ids[i];
    }
    pthread_mutex_unlock(&p->lock);
}

bool kv_pool_is_shared(struct kv_pool *p, int32_t id)
{
    bool shared;

    pthread_mutex_lock(&p->lock);
    shared = p->n_holders[id] > 1;
    pthread_mutex_unlock(&p->lock);
    return shared;
}

size_t kv_pool_id_bytes(const struct kv_pool *p)
{
    return p->shape.page_bytes * p->shape.kv_heads * p->shape.layers;
}

void *kv_pool_page(const struct kv_pool *p, int32_t id)
{
    return (char *)p->memory.data + (size_t)id * kv_pool_id_bytes(p);
}

const struct kv_shape *kv_pool_shape(const struct kv_pool *p)
{
    return &p->shape;
}

uint32_t kv_pool_n_free(struct kv_pool *p)
{
    uint32_t n;

    pthread_mutex_lock(&p->lock);
    n = p->n_free;
    pthread_mutex_unlock(&p->lock);
    return n;
}

struct kernel_tensor kv_pool_layer(const struct kv_pool *p, uint32_t layer)
{
    struct kernel_tensor t = kv_shape_layer(&p->shape);
    size_t offset = p->shape.page_bytes * p->shape.kv_heads * layer;

    t.data = (char *)p->memory.data + offset;
    t.bytes = p->memory.bytes - offset;
    return t;
}
