/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/cores.h"

#include <hwloc.h>
#include <pthread.h>
#include <stdlib.h>

struct candidate {
    int32_t cpu;
    int kind;    /* efficiency rank: larger is faster */
    int sibling; /* 0: first hardware thread of its core */
    int core;
};

static int by_preference(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;

    if (a->sibling != b->sibling)
        return a->sibling - b->sibling;
    if (a->kind != b->kind)
        return b->kind - a->kind;
    return a->core - b->core;
}

/* Hardware threads of core number `at` that the process may use. */
static uint32_t core_candidates(hwloc_topology_t topology, hwloc_const_bitmap_t allowed, int at,
                                struct candidate *out, uint32_t room)
{
    hwloc_obj_t core = hwloc_get_obj_by_type(topology, HWLOC_OBJ_CORE, (unsigned)at);
    int kind = hwloc_cpukinds_get_by_cpuset(topology, core->cpuset, 0);
    uint32_t n = 0;
    int cpu = -1;

    while (n < room && (cpu = hwloc_bitmap_next(core->cpuset, cpu)) >= 0) {
        if (!hwloc_bitmap_isset(allowed, (unsigned)cpu))
            continue;
        out[n] = (struct candidate){cpu, kind < 0 ? 0 : kind, (int)n, at};
        n++;
    }
    return n;
}

static void cores_order(struct candidate *found, uint32_t n, struct cores *out)
{
    qsort(found, n, sizeof *found, by_preference);
    out->n = n;
    out->n_performance = 0;
    for (uint32_t i = 0; i < n; i++) {
        out->cpu[i] = found[i].cpu;
        out->n_performance += !found[i].sibling && found[i].kind == found[0].kind;
    }
    if (!out->n_performance)
        out->n_performance = 1;
}

static void cores_look(hwloc_topology_t topology, struct cores *out)
{
    int n_cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
    struct candidate *found = calloc(CORES_MAX, sizeof *found);
    hwloc_bitmap_t allowed = hwloc_bitmap_alloc();
    uint32_t n = 0;

    if (!found || !allowed)
        goto out;
    if (hwloc_get_cpubind(topology, allowed, HWLOC_CPUBIND_PROCESS))
        hwloc_bitmap_copy(allowed, hwloc_topology_get_allowed_cpuset(topology));
    for (int i = 0; i < n_cores; i++)
        n += core_candidates(topology, allowed, i, found + n, CORES_MAX - n);
    cores_order(found, n, out);
out:
    hwloc_bitmap_free(allowed);
    free(found);
}

static struct cores found_cores = {.n_performance = 1};

static void cores_find(void)
{
    hwloc_topology_t topology;

    if (hwloc_topology_init(&topology))
        return;
    if (!hwloc_topology_load(topology))
        cores_look(topology, &found_cores);
    hwloc_topology_destroy(topology);
}

const struct cores *cores_list(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, cores_find);
    return &found_cores;
}
