/* SPDX-License-Identifier: Apache-2.0
 *
 * Bayesian optimization: a few points spread over the space (a Latin hypercube), then each time the
 * one from which most improvement is expected (Jones, Schonlau and Welch, Efficient global
 * optimization of expensive black-box functions, 1998), weighted by how likely it is to be a kernel
 * at all (Gardner et al., Bayesian optimization with inequality constraints, 2014). The expectation
 * is maximised over drawn points and over steps from the best points known, then by climbing from
 * value to neighbouring value. */
#include "ratchet/search/strategy.h"
#include "ratchet/search/surface.h"

#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>

enum {
    DESIGN_LEAST = 4,
    DESIGN_MOST = 10,
    MOVED = 4,      /* axes that a point of the design moves, of many */
    DRAWN = 256,    /* candidates from the whole space */
    PARENTS = 5,    /* best points that others are made of by small steps */
    CHILDREN = 32,  /* of each */
    CLIMBERS = 4,   /* best candidates that climb on */
    CLIMB_MOST = 30 /* steps of one */
};

static size_t design_size(const struct space *s)
{
    size_t n = s->n + 2;

    return n < DESIGN_LEAST ? DESIGN_LEAST : n > DESIGN_MOST ? DESIGN_MOST : n;
}

/* Whether a point of the design moves this axis, or leaves it as the kernel has it: a kernel that was
 * made by hand is good at most of its values, and a point that moves dozens of them is hardly ever
 * faster, nor a kernel. */
static bool moves(const struct space *s, struct rng *rng)
{
    return s->n <= MOVED || rng_below(rng, s->n) < MOVED;
}

/* Point number `index` of the design: on every axis each n-th of the range has at most one point. */
static void design_point(const struct strategy_view *v, size_t index, struct point *out)
{
    size_t n = design_size(v->space), order[DESIGN_MOST];

    *out = v->observed->item[0].at; /* the start */
    space_snap(v->space, out);
    for (size_t i = 0; i < v->space->n; i++) {
        struct rng rng;

        rng_init(&rng, rng_seed_mix(v->seed, i));
        for (size_t k = 0; k < n; k++) {
            size_t other = rng_below(&rng, k + 1);

            order[k] = order[other];
            order[other] = k;
        }
        rng_init(&rng, rng_seed_mix(v->seed, v->space->n + index * v->space->n + i));
        if (moves(v->space, &rng))
            out->v[i] = space_value(&v->space->axis[i], ((double)order[index] + 0.5) / (double)n);
    }
}

/* A point of the design, as long as less than that is known. */
static int propose_design(const struct strategy_view *v, struct point *out)
{
    size_t n = design_size(v->space);

    for (size_t i = 0; v->observed->n < n && i < n; i++) {
        design_point(v, i, out);
        if (!strategy_tried(v, out))
            return 1;
    }
    return 0;
}

static size_t blind(const struct strategy_view *v)
{
    size_t n = design_size(v->space);

    return v->observed->n < n ? n - v->observed->n : 0;
}

/* --- expected improvement --- */

struct candidates {
    const struct strategy_view *v;
    const struct surface *surface;
    double goal; /* what a point must be faster than to win */
    struct point *at;
    double *worth; /* expected improvement x (probability that it is a kernel)^2: what is promised
                    beyond an edge of the possible is mostly extrapolated */
    size_t n, cap;
};

static void candidates_add(struct candidates *c, const struct point *p)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 1024;
        c->at = realloc(c->at, c->cap * sizeof *c->at);
        c->worth = realloc(c->worth, c->cap * sizeof *c->worth);
        if (!c->at || !c->worth)
            abort();
    }
    c->at[c->n++] = *p;
}

/* Of a normal variable below `goal`. */
static double expected_improvement(double goal, double mean, double variance)
{
    double sd = sqrt(variance), z;

    if (!(sd > 1e-12))
        return fmax(0, goal - mean);
    z = (goal - mean) / sd;
    return sd * (z * 0.5 * erfc(-z * M_SQRT1_2) + exp(-z * z / 2) / sqrt(2 * M_PI));
}

/* Judge candidates first..n-1. */
static void candidates_judge(struct candidates *c, size_t first)
{
    size_t m = c->n - first, dims = c->v->space->n;
    double *u = calloc(m * (dims + 3) + 1, sizeof *u), *mean, *variance, *feasible;

    if (!u)
        abort();
    mean = u + m * dims;
    variance = mean + m;
    feasible = variance + m;
    for (size_t i = 0; i < m; i++)
        space_to_unit(c->v->space, &c->at[first + i], u + i * dims);
    gp_predict(c->surface->time, u, m, mean, variance);
    surface_feasible(c->surface, u, m, feasible);
    for (size_t i = 0; i < m; i++)
        c->worth[first + i] =
            strategy_tried(c->v, &c->at[first + i])
                ? -1
                : feasible[i] * feasible[i] * expected_improvement(c->goal, mean[i], variance[i]);
    free(u);
}

static void add_drawn(struct candidates *c, struct rng *rng)
{
    struct point p;

    for (int i = 0; i < DRAWN; i++)
        if (strategy_draw(c->v, rng, &p))
            candidates_add(c, &p);
}

/* Some values of a good point moved, by steps of all sizes. */
static void add_children(struct candidates *c, const struct point *parent, struct rng *rng)
{
    const struct space *s = c->v->space;

    for (int child = 0; child < CHILDREN; child++) {
        double size = exp2(-1.0 - 5 * rng_uniform(rng));
        struct point p = *parent;
        size_t sure = rng_below(rng, s->n);

        for (size_t i = 0; i < s->n; i++)
            if (i == sure || rng_below(rng, s->n) < 2)
                p.v[i] = space_value(&s->axis[i],
                                     space_unit(&s->axis[i], p.v[i]) + size * rng_normal(rng));
        space_snap(s, &p);
        candidates_add(c, &p);
    }
}

static void add_around_best(struct candidates *c, struct rng *rng)
{
    const struct observed *o = c->v->observed;
    double below = -INFINITY;

    for (int i = 0; i < PARENTS; i++) {
        const struct observation *best = NULL;

        for (size_t k = 0; k < o->n; k++)
            if (o->item[k].state == POINT_MEASURED && o->item[k].y > below &&
                (!best || o->item[k].y < best->y))
                best = &o->item[k];
        if (!best)
            return;
        below = best->y;
        add_children(c, &best->at, rng);
    }
}

/* Every point that differs from p in one value: by a step, or by a tenth or a third of the axis. */
static void add_neighbours(struct candidates *c, const struct point *p)
{
    static const double steps[] = {0, 0.1, 0.33};
    const struct space *s = c->v->space;

    for (size_t i = 0; i < s->n; i++) {
        const struct space_axis *a = &s->axis[i];

        for (int k = 0; k < 6; k++) {
            double sign = k & 1 ? 1 : -1, far = steps[k / 2];
            int64_t by_one = p->v[i] + (k & 1 ? a->step : -a->step);
            struct point q = *p;

            q.v[i] = far > 0 ? space_value(a, space_unit(a, p->v[i]) + sign * far) : by_one;
            if (q.v[i] >= a->low && q.v[i] <= a->high && q.v[i] != p->v[i])
                candidates_add(c, &q);
        }
    }
}

static size_t worthiest(const struct candidates *c, size_t first)
{
    size_t best = first;

    for (size_t i = first + 1; i < c->n; i++)
        if (c->worth[i] > c->worth[best])
            best = i;
    return best;
}

/* Replace candidate `at` by its best neighbour until none is better. */
static void climb(struct candidates *c, size_t at)
{
    size_t kept = c->n;

    for (int step = 0; step < CLIMB_MOST; step++) {
        const struct point here = c->at[at]; /* adding may move the candidates */
        size_t best;

        add_neighbours(c, &here);
        if (c->n == kept)
            return;
        candidates_judge(c, kept);
        best = worthiest(c, kept);
        c->n = kept;
        if (!(c->worth[best] > c->worth[at]))
            return;
        c->at[at] = c->at[best];
        c->worth[at] = c->worth[best];
    }
}

/* Move the best CLIMBERS candidates to the front, best first. */
static void sort_front(struct candidates *c)
{
    for (size_t i = 0; i < CLIMBERS && i < c->n; i++) {
        size_t best = worthiest(c, i);
        struct point p = c->at[i];
        double worth = c->worth[i];

        c->at[i] = c->at[best];
        c->worth[i] = c->worth[best];
        c->at[best] = p;
        c->worth[best] = worth;
    }
}

static int propose_best(const struct strategy_view *v, struct rng *rng, struct point *out)
{
    struct surface surface = {0};
    struct candidates c = {.v = v, .surface = &surface};
    int found = 0;

    if (surface_learn(v->space, v->observed, rng_next(rng), &surface) < 0)
        return 0;
    c.goal = surface_best(&surface, v->space, v->observed).y - v->margin;
    add_drawn(&c, rng);
    add_around_best(&c, rng);
    if (c.n) {
        size_t best;

        candidates_judge(&c, 0);
        sort_front(&c);
        for (size_t i = 0; i < CLIMBERS && i < c.n; i++)
            climb(&c, i);
        best = worthiest(&c, 0);
        found = c.worth[best] >= 0;
        *out = c.at[best];
    }
    surface_close(&surface);
    free(c.at);
    free(c.worth);
    return found;
}

static int propose(const struct strategy_view *v, struct point *out)
{
    struct rng rng = strategy_rng(v);

    if (propose_design(v, out) || propose_best(v, &rng, out))
        return 1;
    return strategy_draw(v, &rng, out);
}

const struct strategy strategy_bayes = {.name = "bayes", .propose = propose, .blind = blind};
