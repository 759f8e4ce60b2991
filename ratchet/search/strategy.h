/* SPDX-License-Identifier: Apache-2.0
 *
 * strategy.h: ways to choose the next point. A strategy keeps nothing between two choices: it sees
 * all that is known and the seed, and the same knowledge gives the same point. So a search that was
 * killed goes on as if it had not been. */
#ifndef PAWL_RATCHET_STRATEGY_H
#define PAWL_RATCHET_STRATEGY_H

#include "ratchet/search/observed.h"
#include "reference/base/rng.h"

struct strategy_view {
    const struct space *space;
    const struct observed *observed; /* the start is its first */
    uint64_t seed;
    size_t budget; /* points that the whole search may measure */
    double margin; /* a gain (log ratio) that is too small to win */
};

struct strategy {
    const char *name;
    /* 1 and a point of the space that is not among the observed, or 0 when there is no other one to
     * offer. Errors: ERR_USAGE when it cannot work on this space with this budget. */
    int (*propose)(const struct strategy_view *v, struct point *out);
    /* How many of its first points do not depend on what the others measured. */
    size_t (*blind)(const struct strategy_view *v);
};

extern const struct strategy strategy_grid, strategy_random, strategy_bayes, strategy_evolution;

/* NULL-terminated. */
extern const struct strategy *const strategies[];

/* NULL when there is none of this name. */
const struct strategy *strategy_find(const char *name);

/* --- for strategies --- */

bool strategy_tried(const struct strategy_view *v, const struct point *p);

/* A generator for the next choice: the seed and how much is known decide its sequence. */
struct rng strategy_rng(const struct strategy_view *v);

/* A point that was not tried, uniform in the unit cube: 1, or 0 when hardly one is left. */
int strategy_draw(const struct strategy_view *v, struct rng *rng, struct point *out);

#endif
