/* SPDX-License-Identifier: Apache-2.0
 *
 * (mu + lambda) evolution over integers: the best MU of everything that was measured are the
 * parents of the next LAMBDA; a child takes each value from one of two parents (uniform crossover)
 * and moves some of them (Eiben and Smith, Introduction to Evolutionary Computing, 2nd edition,
 * ch. 4 and 5). The first generation is drawn. */
#include "ratchet/search/strategy.h"

#include <math.h>

enum { MU = 4, LAMBDA = 8, TRIES = 256 };
static const double MUTATION = 0.12; /* standard deviation in the unit cube */

/* The best MU of the first n observations, best first; how many there are. */
static size_t parents_of(const struct observed *o, size_t n, const struct observation *out[MU])
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++) {
        const struct observation *one = &o->item[i];
        size_t at = found;

        if (one->state != POINT_MEASURED)
            continue;
        while (at > 0 && one->y < out[at - 1]->y)
            at--;
        if (at == MU)
            continue;
        found += found < MU;
        for (size_t k = found - 1; k > at; k--)
            out[k] = out[k - 1];
        out[at] = one;
    }
    return found;
}

/* One axis is moved for sure, each of the others with the chance of one in their number: by a step of
 * its own at least, away from an end. */
static void mutate(const struct space *s, struct rng *rng, struct point *p)
{
    size_t sure = rng_below(rng, s->n);

    for (size_t i = 0; i < s->n; i++) {
        const struct space_axis *a = &s->axis[i];
        int64_t was = p->v[i];
        double step;

        if (i != sure && rng_below(rng, s->n) > 0)
            continue;
        step = MUTATION * rng_normal(rng);
        p->v[i] = space_value(a, space_unit(a, was) + step);
        if (p->v[i] == was && a->low < a->high)
            p->v[i] += was == a->low || (step > 0 && was < a->high) ? a->step : -a->step;
    }
}

static int propose(const struct strategy_view *v, struct point *out)
{
    const struct observation *parent[MU];
    struct rng rng = strategy_rng(v);
    size_t n = v->observed->n / LAMBDA * LAMBDA; /* what the running generation descends from */
    size_t n_parents = parents_of(v->observed, n, parent);

    for (int i = 0; n_parents && i < TRIES; i++) {
        const struct point *a = &parent[rng_below(&rng, n_parents)]->at;
        const struct point *b = &parent[rng_below(&rng, n_parents)]->at;

        for (size_t k = 0; k < v->space->n; k++)
            out->v[k] = rng_below(&rng, 2) ? a->v[k] : b->v[k];
        space_snap(v->space, out);
        mutate(v->space, &rng, out);
        if (!strategy_tried(v, out))
            return 1;
    }
    return strategy_draw(v, &rng, out);
}

static size_t blind(const struct strategy_view *v)
{
    return v->observed->n < LAMBDA ? LAMBDA - v->observed->n : 0;
}

const struct strategy strategy_evolution = {
    .name = "evolution", .propose = propose, .blind = blind};
