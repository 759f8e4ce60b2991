/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/effects.h"
#include "tests/search/simulated.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <math.h>

static struct effects e;

static void learn(const struct simulated *s, size_t n, struct space *space)
{
    struct observed observed = {0};
    struct point start;

    simulated_space(s, space, &start);
    simulated_observe(s, &strategy_random, 1, n, &observed);
    cr_assert_eq(effects_learn(space, &observed, 1, &e), 0, "%s", err_message());
    observed_deinit(&observed);
}

/* ln time is linear, 0.4 a - 0.2 b over the unit cube. */
static double linear_time(const int64_t *v)
{
    return exp(0.4 * (double)(v[0] - 500) / 1000 + 0.2 * (double)(1500 - v[1]) / 1000);
}

/* The variance of slope x u is slope^2 / 12: shares are 0.8, 0.2 and 0. */
Test(effects, shares_are_those_of_the_closed_form)
{
    static const struct simulated linear = {
        .name = "linear",
        .tunables = "TUNABLE(A, 1500, 500, 1500); TUNABLE(B, 500, 500, 1500);"
                    "TUNABLE(C, 500, 500, 1500);",
        .time = linear_time,
    };
    struct space space;

    learn(&linear, 40, &space);
    cr_assert_gt(e.explained, 0.99);
    cr_assert_float_eq(e.axis[0].share, 0.8, 0.03, "%g", e.axis[0].share);
    cr_assert_float_eq(e.axis[1].share, 0.2, 0.03, "%g", e.axis[1].share);
    cr_assert_lt(e.axis[2].share, 0.01);
    cr_assert_float_eq(e.axis[0].level[EFFECT_LEVELS - 1], 0.4, 0.02);
    cr_assert_float_eq(e.axis[1].level[0], 0.2, 0.02);
    cr_assert_eq(e.axis[0].best, 500);
    cr_assert_eq(e.axis[1].best, 1500);
    cr_assert_eq(e.n_pairs, 0);
}

Test(effects, finds_the_pair_that_matters_together)
{
    struct space space;

    learn(&simulated_smooth, 60, &space);
    cr_assert_geq(e.n_pairs, 1);
    cr_assert_eq(e.pair[0].a + e.pair[0].b, 1, "tiles are axes 0 and 1");
    cr_assert_gt(e.pair[0].share, 0.2);
}

/* Multiples of 12 alone build. */
static double twelve_time(const int64_t *v)
{
    return v[0] % 12 ? INFINITY : 1 + fabs(log2((double)v[0] / 192));
}

Test(effects, sees_that_only_multiples_build)
{
    static const struct simulated twelve = {
        .name = "twelve",
        .tunables = "TUNABLE(BLOCK, 24, 12, 1020); TUNABLE(IDLE, 8, 1, 64);",
        .time = twelve_time,
    };
    struct space space;

    learn(&twelve, 90, &space);
    cr_assert_eq(e.n_rules, 1);
    cr_assert_eq(e.rule[0].axis, 0);
    cr_assert_eq(e.rule[0].kind, RULE_NOT_MULTIPLE);
    cr_assert_eq(e.rule[0].limit, 12, "%d", (int)e.rule[0].limit);
}

Test(effects, needs_three_points)
{
    struct observed observed = {0};
    struct space space;
    struct point start;

    simulated_space(&simulated_smooth, &space, &start);
    simulated_observe(&simulated_smooth, &strategy_random, 1, 1, &observed);
    cr_assert_eq(effects_learn(&space, &observed, 1, &e), ERR_RANGE);
    observed_deinit(&observed);
}
