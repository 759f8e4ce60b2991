/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/weight_store.h"

#include "engine/run/team.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <sys/mman.h>
#include <unistd.h>

static struct kernel_call pack_call(const struct graph_weight *w)
{
    return (struct kernel_call){
        .op = KERNEL_PACK,
        .n_in = 1,
        .n_out = 1,
        .in = {graph_weight_source(w)},
        .out = {w->tensor},
    };
}

/* Set the packed size of w and raise *scratch to what packing wants. */
static int weight_measure(struct graph_weight *w, uint32_t n_threads, uint64_t features,
                          size_t *scratch)
{
    struct kernel_call call = pack_call(w);
    struct kernel_tiling tiling;

    if (get_tiling_meta(&call, n_threads, features, &tiling) != KERNEL_OK)
        return err_set(ERR_UNSUPPORTED, "tensor %s: kernel %s cannot hold type %s of [%lld, %lld]",
                       w->source->name, kernel_name, gguf_type_name(w->source->type),
                       (long long)w->tensor.ne[0], (long long)w->tensor.ne[1]);
    w->tensor.bytes = tiling.opaque_bytes;
    if (tiling.scratch_bytes > *scratch)
        *scratch = tiling.scratch_bytes;
    return 0;
}

/* Packed sizes and their sum, each rounded up to KERNEL_ALIGN as weights_place lays them out. */
static int weights_measure(struct graph *g, uint32_t n_threads, uint64_t features, size_t *bytes,
                           size_t *scratch)
{
    *bytes = 0;
    *scratch = 0;
    for (uint32_t i = 0; i < g->n_weights; i++) {
        struct graph_weight *w = &g->weights[i];

        if (!w->source)
            continue;
        if (w->rule->kind == ARCH_MATRIX)
            TRY(weight_measure(w, n_threads, features, scratch));
        if (!size_add(*bytes, w->tensor.bytes, bytes) || *bytes > SIZE_MAX / 2)
            return err_set(ERR_RANGE, "tensor %s: the weights are larger than memory can be",
                           w->source->name);
        *bytes = size_align(*bytes, KERNEL_ALIGN);
    }
    return 0;
}

/* Whole pages inside the weight: the edges may belong to a neighbour that is still to be packed. */
static void source_drop(const struct graph_weight *w)
{
    struct kernel_tensor s = graph_weight_source(w);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = size_align((uintptr_t)s.data, page);
    uintptr_t to = ((uintptr_t)s.data + s.bytes) & ~(page - 1);

    if (from < to)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

static int weight_pack(struct graph_weight *w, struct team *team)
{
    const struct kernel_call call = pack_call(w);
    const struct kernel_call *list[] = {&call};
    int rc;

    if (w->rule->kind != ARCH_MATRIX) {
        graph_vector_read(w, w->tensor.data);
        return 0;
    }
    rc = team_run(team, list, 1);
    return rc < 0 ? err_wrap("packing tensor %s", w->source->name) : 0;
}

/* Point the weights at their places from `at` on. */
static void weights_place(struct graph *g, unsigned char *at)
{
    for (uint32_t i = 0; i < g->n_weights; i++) {
        struct graph_weight *w = &g->weights[i];

        if (!w->source)
            continue;
        w->tensor.data = at;
        at += size_align(w->tensor.bytes, KERNEL_ALIGN);
    }
}

static int weights_pack(struct graph *g, struct team *team, bool drop_source)
{
    for (uint32_t i = 0; i < g->n_weights; i++) {
        struct graph_weight *w = &g->weights[i];

        if (!w->source)
            continue;
        TRY(weight_pack(w, team));
        if (drop_source)
            source_drop(w);
    }
    return 0;
}

int weight_store_open(struct graph *g, uint32_t n_threads, uint64_t features, bool drop_source,
                      struct resident *out)
{
    size_t bytes, scratch;
    struct team *team = NULL;
    int rc;

    *out = (struct resident){0};
    TRY(weights_measure(g, n_threads, features, &bytes, &scratch));
    rc = team_open(n_threads, features, scratch, &team);
    if (rc == 0)
        rc = resident_map(bytes, "weights", out);
    if (rc == 0) {
        weights_place(g, out->data);
        rc = weights_pack(g, team, drop_source);
    }
    team_close(&team);
    if (rc < 0)
        resident_unmap(out);
    return rc;
}

int weight_store_use(struct graph *g, uint64_t features, const void *packed, size_t bytes)
{
    size_t want, scratch;

    TRY(weights_measure(g, 1, features, &want, &scratch));
    if (want != bytes)
        return err_set(ERR_FORMAT, "%zu bytes of packed weights, the model's are %zu", bytes, want);
    weights_place(g, (unsigned char *)(uintptr_t)packed);
    return 0;
}
