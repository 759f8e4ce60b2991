/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/kv_cache.h"

#include "engine/model/resident.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <stdlib.h>

struct kv_cache {
    struct kv_shape shape;
    struct resident memory; /* page ids; in each: layers; in each: KV heads */
    int32_t *table;         /* [n_pages], n_used valid */
    int32_t *free_ids;      /* [n_pages], a stack of n_free */
    uint32_t n_used, n_free;
};

static uint32_t pages_for(uint32_t n_positions)
{
    return n_positions / KERNEL_PAGE_POSITIONS + (n_positions % KERNEL_PAGE_POSITIONS != 0);
}

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

static int kv_cache_allocate(struct kv_cache *c)
{
    const struct kv_shape *s = &c->shape;
    size_t bytes;

    if (!size_mul(s->page_bytes, s->kv_heads, &bytes) || !size_mul(bytes, s->layers, &bytes) ||
        !size_mul(bytes, s->n_pages, &bytes))
        return err_set(ERR_RANGE, "a KV cache of %u pages is beyond any memory", s->n_pages);
    TRY(resident_map(bytes, "KV cache (--ctx sets its size)", &c->memory));
    c->table = calloc(s->n_pages, sizeof *c->table);
    c->free_ids = calloc(s->n_pages, sizeof *c->free_ids);
    if (!c->table || !c->free_ids)
        return err_set(ERR_NOMEM, "no memory for a page table of %u", s->n_pages);
    return 0;
}

int kv_cache_open(const struct kv_shape *shape, struct kv_cache **out)
{
    struct kv_cache *c = calloc(1, sizeof *c);
    int rc;

    *out = NULL;
    if (!c)
        return err_set(ERR_NOMEM, "no memory for a KV cache");
    c->shape = *shape;
    rc = kv_cache_allocate(c);
    if (rc < 0) {
        kv_cache_close(&c);
        return rc;
    }
    /* Low ids leave the stack first, so that a fresh timeline is one contiguous run of pages. */
    for (uint32_t id = shape->n_pages; id-- > 0;)
        c->free_ids[c->n_free++] = (int32_t)id;
    *out = c;
    return 0;
}

void kv_cache_close(struct kv_cache **c)
{
    if (!*c)
        return;
    resident_unmap(&(*c)->memory);
    free((*c)->table);
    free((*c)->free_ids);
    free(*c);
    *c = NULL;
}

int kv_cache_reserve(struct kv_cache *c, uint32_t n_positions)
{
    uint32_t need = pages_for(n_positions);

    if (need > c->n_used && need - c->n_used > c->n_free)
        return err_set(ERR_RANGE, "the KV cache has no page left for position %u", n_positions - 1);
    while (c->n_used < need)
        c->table[c->n_used++] = c->free_ids[--c->n_free];
    return 0;
}

void kv_cache_truncate(struct kv_cache *c, uint32_t n_positions)
{
    uint32_t keep = pages_for(n_positions);

    while (c->n_used > keep)
        c->free_ids[c->n_free++] = c->table[--c->n_used];
}

const int32_t *kv_cache_table(const struct kv_cache *c)
{
    return c->table;
}

uint32_t kv_cache_n_used(const struct kv_cache *c)
{
    return c->n_used;
}

struct kernel_tensor kv_cache_layer(const struct kv_cache *c, uint32_t layer)
{
    struct kernel_tensor t = kv_shape_layer(&c->shape);
    size_t offset = c->shape.page_bytes * c->shape.kv_heads * layer;

    t.data = (char *)c->memory.data + offset;
    t.bytes = c->memory.bytes - offset;
    return t;
}
