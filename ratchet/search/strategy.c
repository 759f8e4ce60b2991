/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/strategy.h"

#include <string.h>

enum { DRAWS = 4096 };

const struct strategy *const strategies[] = {&strategy_grid, &strategy_random, &strategy_bayes,
                                             &strategy_evolution, NULL};

const struct strategy *strategy_find(const char *name)
{
    for (size_t i = 0; strategies[i]; i++)
        if (strcmp(strategies[i]->name, name) == 0)
            return strategies[i];
    return NULL;
}

bool strategy_tried(const struct strategy_view *v, const struct point *p)
{
    return observed_find(v->observed, v->space, p) != NULL;
}

struct rng strategy_rng(const struct strategy_view *v)
{
    struct rng rng;

    rng_init(&rng, rng_seed_mix(v->seed, v->observed->n));
    return rng;
}

int strategy_draw(const struct strategy_view *v, struct rng *rng, struct point *out)
{
    for (int draw = 0; draw < DRAWS; draw++) {
        for (size_t i = 0; i < v->space->n; i++)
            out->v[i] = space_value(&v->space->axis[i], rng_uniform(rng));
        if (!strategy_tried(v, out))
            return 1;
    }
    return 0;
}
