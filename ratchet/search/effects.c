/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/effects.h"
#include "ratchet/search/effects_rules.h"

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
    FINE = 4096,     /* places on an axis that levels are weighed by */
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

/* --- levels of an axis --- */

/* Values of an axis in place of all, and which share of the unit cube each stands for. */
struct levels {
    size_t n;
    int64_t value[EFFECT_LEVELS];
    double u[EFFECT_LEVELS], weight[EFFECT_LEVELS]; /* the weights add up to 1 */
};

static size_t nearest_level(const struct levels *l, double u)
{
    size_t i = 0;

    while (i + 1 < l->n && fabs(l->u[i + 1] - u) < fabs(l->u[i] - u))
        i++;
    return i;
}

static struct levels levels_of(const struct space_axis *a, size_t most)
{
    struct levels l = {.n = 0};

    for (size_t k = 0; k < most; k++) {
        int64_t value = space_value(a, (double)k / (double)(most - 1));

        if (l.n && l.value[l.n - 1] == value)
            continue;
        l.value[l.n] = value;
        l.u[l.n++] = space_unit(a, value);
    }
    for (size_t i = 0; i < FINE; i++) {
        double u = space_unit(a, space_value(a, ((double)i + 0.5) / FINE));

        l.weight[nearest_level(&l, u)] += 1.0 / FINE;
    }
    return l;
}

static double weighted_variance(const double *x, const double *weight, size_t n)
{
    double mean = 0, sum = 0;

    for (size_t i = 0; i < n; i++)
        mean += weight[i] * x[i];
    for (size_t i = 0; i < n; i++)
        sum += weight[i] * (x[i] - mean) * (x[i] - mean);
    return sum;
}

/* --- effects --- */

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
    for (size_t i = 0; i < SAMPLE * dims; i++) {
        const struct space_axis *a = &w->space->axis[i % dims];

        x[i] = space_unit(a, space_value(a, rng_uniform(&rng)));
    }
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
    const struct levels l = levels_of(&w->space->axis[axis], EFFECT_LEVELS);
    struct effect *e = &w->out->axis[axis];
    size_t least = 0;
    double low;

    e->n = l.n;
    for (size_t k = 0; k < l.n; k++) {
        e->value[k] = l.value[k];
        e->level[k] = mean_at(w, BASE, axis, l.u[k], axis, l.u[k]);
        if (e->level[k] < e->level[least])
            least = k;
    }
    e->share = w->variance > 0 ? weighted_variance(e->level, l.weight, l.n) / w->variance : 0;
    low = e->level[least];
    for (size_t k = 0; k < l.n; k++)
        e->level[k] -= low;
    e->best = l.value[least];
}

/* What two axes do together and neither does alone. */
static double pair_share(struct work *w, size_t a, size_t b)
{
    const struct levels la = levels_of(&w->space->axis[a], PAIR_LEVELS);
    const struct levels lb = levels_of(&w->space->axis[b], PAIR_LEVELS);
    double both[PAIR_LEVELS * PAIR_LEVELS], weight[PAIR_LEVELS * PAIR_LEVELS], alone;
    double of_a[PAIR_LEVELS] = {0}, of_b[PAIR_LEVELS] = {0};

    for (size_t i = 0; i < la.n; i++)
        for (size_t k = 0; k < lb.n; k++) {
            size_t at = i * lb.n + k;

            both[at] = mean_at(w, PAIR_BASE, a, la.u[i], b, lb.u[k]);
            weight[at] = la.weight[i] * lb.weight[k];
            of_a[i] += lb.weight[k] * both[at];
            of_b[k] += la.weight[i] * both[at];
        }
    alone = weighted_variance(of_a, la.weight, la.n) + weighted_variance(of_b, lb.weight, lb.n);
    return (weighted_variance(both, weight, la.n * lb.n) - alone) / w->variance;
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

int effects_learn(const struct space *s, const struct observed *o, const struct surface *surface,
                  uint64_t seed, struct effects *out)
{
    struct work *w;

    memset(out, 0, sizeof *out);
    out->n = observed_count(o, POINT_MEASURED);
    effects_rules(s, o, out);
    if (out->n < LEAST_POINTS)
        return err_set(ERR_RANGE, "%zu measured points teach nothing about %zu TUNABLEs", out->n,
                       s->n);
    w = calloc(1, sizeof *w);
    if (!w)
        abort();
    *w = (struct work){.space = s, .gp = surface->time, .out = out};
    out->explained = explained(o, surface->time, out->n);
    look_at_space(w, seed);
    for (size_t i = 0; i < s->n; i++)
        axis_effect(w, i);
    pair_effects(w);
    free(w);
    return 0;
}
