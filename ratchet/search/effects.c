/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/effects.h"
#include "ratchet/search/effects_rules.h"
#include "ratchet/search/surface.h"

#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST_POINTS = 3,
    SAMPLE = 4096,   /* points that the spread over the space is taken of */
    BASE = 256,      /* points that a mean over the other axes is taken of */
    PAIR_BASE = 64,  /* likewise for pairs */
    PAIR_LEVELS = 9, /* of each of the two */
    PAIR_AXES = 8    /* pairs are looked for among so many axes, those with most effect alone */
};
static const double CLEAR_PAIR = 0.03; /* share of the variance */

struct work {
    const struct space *space;
    const struct gp *gp;
    double base[BASE * SPACE_MOST]; /* [BASE, dims] */
    double variance;                /* over the space */
    struct effects *out;
};

static double variance_of(const double *x, size_t n)
{
    double mean = 0, sum = 0;

    for (size_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Of a function at 0, 1/(n-1) ... 1, by the trapezoidal rule: the ends count half. */
static double variance_along(const double *x, size_t n)
{
    double mean = 0, sum = 0;

    for (size_t i = 0; i < n; i++)
        mean += x[i] * (i == 0 || i == n - 1 ? 0.5 : 1) / (double)(n - 1);
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean) * (i == 0 || i == n - 1 ? 0.5 : 1);
    return sum / (double)(n - 1);
}

/* Draw the space: its spread from many points, of which the first are the base. */
static void look_at_space(struct work *w, uint64_t seed)
{
    size_t dims = w->space->n;
    double *x = calloc(SAMPLE * (dims + 1), sizeof *x), *mean;
    struct rng rng;

    if (!x)
        abort();
    mean = x + SAMPLE * dims;
    rng_init(&rng, seed);
    for (size_t i = 0; i < SAMPLE * dims; i++)
        x[i] = rng_uniform(&rng);
    memcpy(w->base, x, BASE * dims * sizeof *x);
    gp_predict(w->gp, x, SAMPLE, mean, NULL);
    w->variance = variance_of(mean, SAMPLE);
    qsort(mean, SAMPLE, sizeof *mean, by_value);
    w->out->range = mean[SAMPLE * 95 / 100] - mean[SAMPLE * 5 / 100];
    free(x);
}

/* Mean of the process over `n` base points with axis a at ua and axis b at ub. */
static double mean_at(struct work *w, size_t n, size_t a, double ua, size_t b, double ub)
{
    size_t dims = w->space->n;
    double *x = malloc(n * dims * sizeof *x), mean[BASE], sum = 0;

    if (!x)
        abort();
    memcpy(x, w->base, n * dims * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        x[i * dims + a] = ua;
        x[i * dims + b] = ub;
    }
    gp_predict(w->gp, x, n, mean, NULL);
    for (size_t i = 0; i < n; i++)
        sum += mean[i];
    free(x);
    return sum / (double)n;
}

static void axis_effect(struct work *w, size_t axis)
{
    struct effect *e = &w->out->axis[axis];
    size_t least = 0;
    double low;

    for (size_t k = 0; k < EFFECT_LEVELS; k++) {
        double u = (double)k / (EFFECT_LEVELS - 1);

        e->level[k] = mean_at(w, BASE, axis, u, axis, u);
        if (e->level[k] < e->level[least])
            least = k;
    }
    e->share = w->variance > 0 ? variance_along(e->level, EFFECT_LEVELS) / w->variance : 0;
    low = e->level[least];
    for (size_t k = 0; k < EFFECT_LEVELS; k++)
        e->level[k] -= low;
    e->best = space_value(&w->space->axis[axis], (double)least / (EFFECT_LEVELS - 1));
}

/* What two axes do together and neither does alone. */
static double pair_share(struct work *w, size_t a, size_t b)
{
    double both[PAIR_LEVELS * PAIR_LEVELS], of_a[PAIR_LEVELS] = {0}, of_b[PAIR_LEVELS] = {0};
    double alone;

    for (size_t i = 0; i < PAIR_LEVELS; i++)
        for (size_t k = 0; k < PAIR_LEVELS; k++) {
            double *m = &both[i * PAIR_LEVELS + k];

            *m = mean_at(w, PAIR_BASE, a, (double)i / (PAIR_LEVELS - 1), b,
                         (double)k / (PAIR_LEVELS - 1));
            of_a[i] += *m / PAIR_LEVELS;
            of_b[k] += *m / PAIR_LEVELS;
        }
    alone = variance_of(of_a, PAIR_LEVELS) + variance_of(of_b, PAIR_LEVELS);
    return (variance_of(both, PAIR_LEVELS * PAIR_LEVELS) - alone) / w->variance;
}

static void add_pair(struct effects *e, const struct effect_pair *pair)
{
    size_t at = e->n_pairs;

    while (at > 0 && pair->share > e->pair[at - 1].share)
        at--;
    if (at == EFFECT_PAIRS)
        return;
    e->n_pairs += e->n_pairs < EFFECT_PAIRS;
    for (size_t k = e->n_pairs - 1; k > at; k--)
        e->pair[k] = e->pair[k - 1];
    e->pair[at] = *pair;
}

/* Axes by their own effect, largest first; how many of them are looked at. */
static size_t leading_axes(const struct work *w, size_t order[SPACE_MOST])
{
    size_t n = w->space->n;

    for (size_t i = 0; i < n; i++) {
        size_t at = i;

        for (; at > 0 && w->out->axis[i].share > w->out->axis[order[at - 1]].share; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return n < PAIR_AXES ? n : PAIR_AXES;
}

static void pair_effects(struct work *w)
{
    size_t order[SPACE_MOST], n = leading_axes(w, order);

    for (size_t i = 0; w->variance > 0 && i < n; i++)
        for (size_t k = i + 1; k < n; k++) {
            struct effect_pair pair = {.a = order[i], .b = order[k]};

            pair.share = pair_share(w, pair.a, pair.b);
            if (pair.share >= CLEAR_PAIR)
                add_pair(w->out, &pair);
        }
}

/* How well the others foretell each point: what the whole model is worth. */
static double explained(const struct observed *o, const struct gp *gp, size_t n)
{
    double *y = calloc(3 * n, sizeof *y), *mean, *variance, error = 0, total;
    size_t k = 0;

    if (!y)
        abort();
    mean = y + n;
    variance = mean + n;
    for (size_t i = 0; i < o->n; i++)
        if (o->item[i].state == POINT_MEASURED)
            y[k++] = o->item[i].y;
    gp_leave_one_out(gp, mean, variance);
    for (size_t i = 0; i < n; i++)
        error += (y[i] - mean[i]) * (y[i] - mean[i]) / (double)n;
    total = variance_of(y, n);
    free(y);
    return total > 0 ? 1 - error / total : NAN;
}

int effects_learn(const struct space *s, const struct observed *o, uint64_t seed,
                  struct effects *out)
{
    struct work *w = calloc(1, sizeof *w);
    struct surface surface = {0};
    int rc = 0;

    if (!w)
        abort();
    memset(out, 0, sizeof *out);
    out->n = observed_count(o, POINT_MEASURED);
    if (out->n < LEAST_POINTS)
        rc = err_set(ERR_RANGE, "%zu measured points teach nothing about %zu TUNABLEs", out->n,
                     s->n);
    if (rc == 0)
        rc = surface_learn(s, o, seed, &surface);
    if (rc == 0) {
        *w = (struct work){.space = s, .gp = surface.time, .out = out};
        out->explained = explained(o, surface.time, out->n);
        look_at_space(w, seed);
        for (size_t i = 0; i < s->n; i++)
            axis_effect(w, i);
        pair_effects(w);
        surface_close(&surface);
    }
    effects_rules(s, o, out);
    free(w);
    return rc;
}
