/* SPDX-License-Identifier: Apache-2.0
 *
 * cores.h: the cores this process may use, best first: performance cores before efficient ones, one
 * hardware thread per core before its siblings (hwloc). Only the engine includes this. */
#ifndef PAWL_CORES_H
#define PAWL_CORES_H

#include <stdint.h>

enum { CORES_MAX = 1024 };

struct cores {
    uint32_t n;             /* hardware threads allowed, in order of preference */
    uint32_t n_performance; /* cores of the fastest kind: the sensible team size, >= 1 */
    int32_t cpu[CORES_MAX]; /* the system's numbers */
};

/* The list, looked up at the first call (tens of milliseconds on a large machine) and kept. A
 * machine that tells nothing gives one nameless core: n = 0, n_performance = 1. Threads: any. */
const struct cores *cores_list(void);

#endif
