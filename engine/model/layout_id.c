/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/layout_id.h"

#include "engine/run/team.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <stdlib.h>
#include <string.h>

enum {
    SAMPLE_ROWS = 2 * KERNEL_PACK_ROWS + 1, /* whole groups of rows and an incomplete one */
    SAMPLE_SEED = 64,
};

/* Any bits, but finite whatever float stands anywhere: in each 16 of them one is clear that is the
 * top bit of the exponent of an f16, a bf16 or an f32. `data` has whole words, see sample_new. */
static void sample_fill(uint64_t *data, size_t bytes)
{
    struct rng rng;

    rng_init(&rng, SAMPLE_SEED);
    for (size_t i = 0; i < bytes; i += sizeof *data)
        *data++ = rng_next(&rng) & 0xbfffbfffbfffbfff;
}

static void *sample_new(size_t bytes)
{
    size_t whole = size_align(bytes, KERNEL_ALIGN);
    void *data = aligned_alloc(KERNEL_ALIGN, whole);

    if (data)
        memset(data, 0, whole);
    return data;
}

/* Run `call`, whose inputs are filled, into zeroed memory of `bytes`, and add that to the digest. */
static int sample_run(struct kernel_call *call, size_t bytes, uint64_t features, struct sha256 *id)
{
    const struct kernel_call *list[] = {call};
    struct kernel_tiling tiling;
    struct team *team = NULL;
    int rc;

    if (get_tiling_meta(call, 1, features, &tiling) != KERNEL_OK)
        return err_set(ERR_UNSUPPORTED, "kernel %s cannot store type %u", kernel_name,
                       call->out[0].type);
    call->out[0].bytes = bytes;
    call->out[0].data = sample_new(bytes);
    if (!call->out[0].data)
        return err_set(ERR_NOMEM, "no memory for a sample of %zu bytes", bytes);
    rc = team_open(1, features, tiling.scratch_bytes, &team);
    if (rc == 0)
        rc = team_run(team, list, 1);
    if (rc == 0)
        sha256_add(id, call->out[0].data, bytes);
    team_close(&team);
    free(call->out[0].data);
    return rc;
}

/* --- pages --- */

static int pages_add(const struct kv_shape *shape, uint64_t features, struct sha256 *id)
{
    static int32_t first_page;
    const size_t head = shape->head_dim * sizeof(float), row = head * shape->kv_heads;
    const size_t bytes = row * KERNEL_PAGE_POSITIONS;
    struct kernel_call call = {.op = KERNEL_KV_STORE, .n_in = 3, .n_out = 1};
    float *x = sample_new(bytes);
    int rc;

    if (!x)
        return err_set(ERR_NOMEM, "no memory for a sample of %zu bytes", bytes);
    /* Values whose f16 is finite too. */
    for (size_t i = 0; i < bytes / sizeof *x; i++)
        x[i] = (float)(i * 2654435761u % 65521) / 65521 - 0.5f;
    for (int i = 0; i < 2; i++)
        call.in[i] = (struct kernel_tensor){
            .type = KERNEL_F32,
            .ne = {shape->head_dim, shape->kv_heads, KERNEL_PAGE_POSITIONS, 1},
            .nb = {sizeof(float), head, row, bytes},
            .bytes = bytes,
            .data = x,
        };
    call.in[2] = (struct kernel_tensor){.type = KERNEL_I32,
                                        .ne = {1, 1, 1, 1},
                                        .nb = {4, 4, 4, 4},
                                        .bytes = 4,
                                        .data = &first_page};
    call.out[0] = kv_shape_layer(shape);
    rc = sample_run(&call, call.out[0].nb[3], features, id);
    free(x);
    return rc;
}

int layout_id_pages(const struct kv_shape *shape, uint64_t features, char hex[SHA256_HEX])
{
    struct kv_shape one = *shape;
    struct sha256 *id;
    int rc;

    one.layers = one.n_pages = 1;
    TRY(sha256_open(&id));
    sha256_add(id, &one.type, sizeof one.type);
    sha256_add(id, &one.head_dim, sizeof one.head_dim);
    sha256_add(id, &one.kv_heads, sizeof one.kv_heads);
    rc = pages_add(&one, features, id);
    sha256_close(&id, hex);
    return rc;
}

/* --- weights --- */

/* PACK of `rows` rows of each of `experts` experts as wide as w. */
static struct kernel_call pack_call(const struct graph_weight *w, int64_t rows, int64_t experts)
{
    struct kernel_call call = {.op = KERNEL_PACK,
                               .n_in = 1,
                               .n_out = 1,
                               .in = {graph_weight_source(w)},
                               .out = {w->tensor}};
    struct kernel_tensor *in = &call.in[0];

    in->ne[1] = rows;
    in->ne[2] = experts;
    in->nb[2] = in->nb[1] * (size_t)rows;
    in->nb[3] = in->bytes = in->nb[2] * (size_t)experts;
    memcpy(call.out[0].ne, in->ne, sizeof in->ne);
    return call;
}

static int matrix_add(const struct graph_weight *w, uint64_t features, struct sha256 *id)
{
    struct kernel_call call = pack_call(w, SAMPLE_ROWS, w->tensor.ne[2] > 1 ? 2 : 1);
    struct kernel_tiling tiling;
    int rc;

    if (get_tiling_meta(&call, 1, features, &tiling) != KERNEL_OK)
        return err_set(ERR_UNSUPPORTED, "kernel %s cannot pack type %u", kernel_name,
                       w->tensor.type);
    call.in[0].data = sample_new(call.in[0].bytes);
    if (!call.in[0].data)
        return err_set(ERR_NOMEM, "no memory for a sample of %zu bytes", call.in[0].bytes);
    sample_fill(call.in[0].data, call.in[0].bytes);
    rc = sample_run(&call, tiling.opaque_bytes, features, id);
    free(call.in[0].data);
    return rc;
}

static bool is_alike(const struct graph_weight *a, const struct graph_weight *b)
{
    return b->source && b->rule->kind == ARCH_MATRIX && a->tensor.type == b->tensor.type &&
           a->tensor.ne[0] == b->tensor.ne[0] && (a->tensor.ne[2] > 1) == (b->tensor.ne[2] > 1);
}

/* Whether an earlier weight of g has had the same sample. */
static bool is_seen(const struct graph *g, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (is_alike(&g->weights[at], &g->weights[i]))
            return true;
    return false;
}

static int weight_add(const struct graph *g, uint32_t at, uint64_t features, struct sha256 *id)
{
    const struct graph_weight *w = &g->weights[at];
    struct kernel_tiling tiling = {0};
    struct kernel_call call;

    if (!w->source)
        return 0;
    sha256_add(id, w->source->name, strlen(w->source->name) + 1);
    sha256_add(id, &w->tensor.type, sizeof w->tensor.type);
    sha256_add(id, w->tensor.ne, sizeof w->tensor.ne);
    sha256_add(id, &w->first, sizeof w->first);
    if (w->rule->kind != ARCH_MATRIX)
        return 0;
    call = pack_call(w, w->tensor.ne[1], w->tensor.ne[2]);
    get_tiling_meta(&call, 1, features, &tiling);
    sha256_add(id, &tiling.layout_id, sizeof tiling.layout_id);
    sha256_add(id, &tiling.opaque_bytes, sizeof tiling.opaque_bytes);
    return is_seen(g, at) ? 0 : matrix_add(w, features, id);
}

int layout_id_weights(const struct graph *g, uint64_t features, char hex[SHA256_HEX])
{
    struct sha256 *id;
    int rc = 0;

    TRY(sha256_open(&id));
    for (uint32_t i = 0; rc == 0 && i < g->n_weights; i++)
        rc = weight_add(g, i, features, id);
    sha256_close(&id, hex);
    return rc;
}
