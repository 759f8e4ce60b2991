/* SPDX-License-Identifier: Apache-2.0
 *
 * simulated.h: kernels whose time is a formula with a known optimum, measured as the ratchet
 * measures: a noisy ratio against the incumbent, which moves when a point wins. */
#ifndef PAWL_TESTS_SIMULATED_H
#define PAWL_TESTS_SIMULATED_H

#include "ratchet/search/strategy.h"

struct simulated {
    const char *name, *tunables, *range; /* the text of tunables.inc, whose values are the start */
    double (*time)(const int64_t *v);    /* 1 at the optimum; not finite: no kernel */
};

extern const struct simulated simulated_smooth, simulated_cliff;

/* The space of s and its start. */
void simulated_space(const struct simulated *s, struct space *space, struct point *start);

/* Search until the incumbent is within `share` of the optimum (0.02 is 2 %): experiments that took,
 * `most` when that many were not enough. */
size_t simulated_search(const struct simulated *s, const struct strategy *strategy, uint64_t seed,
                        double share, size_t most);

/* Search `n` experiments and leave what is known in *observed, which the caller deinits. */
void simulated_observe(const struct simulated *s, const struct strategy *strategy, uint64_t seed,
                       size_t n, struct observed *observed);

#endif
