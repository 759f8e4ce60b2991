/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/search/simulated.h"

#include <criterion/criterion.h>
#include <math.h>

static const double NOISE = 0.004; /* of one experiment, at either stage */
static const double MARGIN = 0.0065;

/* --- the kernels --- */

static double square(double x)
{
    return x * x;
}

/* A register tile of two sides that only together matter, a prefetch distance that stops mattering
 * far off, a share size. */
static double smooth_time(const int64_t *v)
{
    double a = log2((double)v[0] / 8), b = log2((double)v[1] / 4), p = ((double)v[2] - 1536) / 1024;

    return 1 + 0.06 * square(a + b) + 0.01 * square(a - b) + 0.15 * p * p / (1 + p * p) +
           0.01 * square(log2((double)v[3] / 6));
}

const struct simulated simulated_smooth = {
    .name = "smooth",
    .tunables = "TUNABLE(TILE_M, 1, 1, 64); TUNABLE(TILE_N, 1, 1, 64);\n"
                "TUNABLE(PREFETCH, 0, 0, 8192); TUNABLE(CHUNKS, 32, 1, 64);\n",
    .range = "PREFETCH=0..8192:64",
    .time = smooth_time,
};

/* Tiles of more than 24 sums do not build, and the fastest is at that edge and far from the middle of the
 * space; kinks instead of curves; a number that changes nothing. */
static double cliff_time(const int64_t *v)
{
    double sums = (double)(v[0] * v[1]);

    if (sums > 24)
        return INFINITY;
    return 1 + 1.2 * (1 / sums - 1.0 / 24) + 0.04 * fabs(log2((double)v[0] / 3)) +
           0.01 * fabs(log2((double)v[2] / 48)) + 0.02 * square(log2((double)v[3] / 700));
}

const struct simulated simulated_cliff = {
    .name = "cliff",
    .tunables = "TUNABLE(ROWS, 1, 1, 16); TUNABLE(COLUMNS, 1, 1, 16);\n"
                "TUNABLE(PAGES, 512, 1, 1024); TUNABLE(BLOCK_KIB, 64, 16, 8192);\n"
                "TUNABLE(IDLE, 8, 1, 64);\n",
    .time = cliff_time,
};

/* --- the ratchet --- */

void simulated_space(const struct simulated *s, struct space *space, struct point *start)
{
    struct tunables t = {0};

    cr_assert_eq(tunables_parse("simulated", s->tunables, 0, &t), 0);
    cr_assert_eq(space_select(&t, NULL, s->range, space), 0);
    for (size_t i = 0; i < space->n; i++)
        start->v[i] = tunables_find(&t, space->axis[i].name)->value;
    tunables_deinit(&t);
}

/* One experiment; the incumbent (a copy of an observation) moves when the point wins, which takes
 * a first stage and a confirmation. Only the confirmation tells how much. */
static void experiment(const struct simulated *s, const struct strategy_view *v,
                       const struct point *p, struct observation *incumbent,
                       struct observed *observed, struct rng *noise)
{
    struct observation one = {.at = *p, .state = POINT_INFEASIBLE};
    double time = s->time(p->v);

    if (isfinite(time)) {
        double gain = log(s->time(incumbent->at.v) / time);
        double first = gain + NOISE * rng_normal(noise), second = gain + NOISE * rng_normal(noise);

        one.state = POINT_MEASURED;
        one.y = incumbent->y - (first > MARGIN ? second : first);
        one.se = hypot(NOISE, incumbent->se);
        if (first > MARGIN && second > 0)
            *incumbent = one;
    }
    observed_put(observed, v->space, &one);
}

static size_t search(const struct simulated *s, const struct strategy *strategy, uint64_t seed,
                     double share, size_t most, struct observed *observed)
{
    struct observation incumbent = {.state = POINT_MEASURED};
    struct space space;
    struct strategy_view v = {
        .space = &space, .observed = observed, .seed = seed, .budget = most, .margin = MARGIN};
    struct rng noise;
    size_t n = 0;

    rng_init(&noise, seed ^ 0x5eed);
    simulated_space(s, &space, &incumbent.at);
    observed_put(observed, &space, &incumbent);
    while (n < most && s->time(incumbent.at.v) > 1 + share) {
        struct point p;

        if (strategy->propose(&v, &p) != 1)
            return most;
        cr_assert_null(observed_find(observed, &space, &p), "a point proposed twice");
        experiment(s, &v, &p, &incumbent, observed, &noise);
        n++;
    }
    return n;
}

size_t simulated_search(const struct simulated *s, const struct strategy *strategy, uint64_t seed,
                        double share, size_t most)
{
    struct observed observed = {0};
    size_t n = search(s, strategy, seed, share, most, &observed);

    observed_deinit(&observed);
    return n;
}

void simulated_observe(const struct simulated *s, const struct strategy *strategy, uint64_t seed,
                       size_t n, struct observed *observed)
{
    search(s, strategy, seed, 0, n, observed); /* nothing is faster than the optimum: n are made */
}
