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
    struct surface surface = {0};
    struct point start;

    simulated_space(s, space, &start);
    simulated_observe(s, &strategy_random, 1, n, &observed);
    cr_assert_eq(surface_learn(space, &observed, 1, &surface), 0, "%s", err_message());
    cr_assert_eq(effects_learn(space, &observed, &surface, 1, &e), 0, "%s", err_message());
    surface_close(&surface);
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
    cr_assert_eq(e.axis[0].n, EFFECT_LEVELS);
    cr_assert_float_eq(e.axis[0].level[EFFECT_LEVELS - 1], 0.4, 0.02);
    cr_assert_float_eq(e.axis[1].level[0], 0.2, 0.02);
    cr_assert_eq(e.axis[0].best, 500);
    cr_assert_eq(e.axis[1].best, 1500);
    cr_assert_eq(e.n_pairs, 0);
}

static double two_valued_time(const int64_t *v)
{
    return exp(0.3 * (double)v[0] + 0.4 * (double)(v[1] - 500) / 1000);
}

/* Two values 0.3 apart have the variance 0.3^2 / 4; beside 0.4^2 / 12 that is a share of 0.63. */
Test(effects, two_values_are_no_line_between_them)
{
    static const struct simulated two_valued = {
        .name = "two-valued",
        .tunables = "TUNABLE(A, 1, 0, 1); TUNABLE(B, 1500, 500, 1500);",
        .time = two_valued_time,
    };
    struct space space;

    learn(&two_valued, 40, &space);
    cr_assert_eq(e.axis[0].n, 2);
    cr_assert_eq(e.axis[0].value[1], 1);
    cr_assert_float_eq(e.axis[0].level[1], 0.3, 0.02);
    cr_assert_float_eq(e.axis[0].share, 0.63, 0.03, "%g", e.axis[0].share);
    cr_assert_float_eq(e.axis[1].share, 0.37, 0.03, "%g", e.axis[1].share);
}

static double product_time(const int64_t *v)
{
    return exp(0.25 + ((double)v[0] - 1000) * ((double)v[1] - 1000) / 1e6);
}

Test(effects, a_pair_has_no_more_than_there_is)
{
    static const struct simulated product = {
        .name = "product",
        .tunables = "TUNABLE(A, 500, 500, 1500); TUNABLE(B, 500, 500, 1500);",
        .time = product_time,
    };
    struct space space;

    learn(&product, 60, &space);
    cr_assert_gt(e.explained, 0.95);
    cr_assert_eq(e.n_pairs, 1);
    cr_assert_float_eq(e.pair[0].share, 1, 0.12, "%g", e.pair[0].share);
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

/* That all kernels have the start's value says nothing of other values, however many they are. */
Test(effects, one_value_of_many_kernels_makes_no_rule)
{
    static const struct simulated idle = {
        .name = "idle",
        .tunables = "TUNABLE(BLOCK, 64, 1, 128); TUNABLE(ROWS, 1, 1, 64);",
    };
    struct observed observed = {0};
    struct surface surface = {0};
    struct observation one = {.se = 0.01};
    struct space space;

    simulated_space(&idle, &space, &one.at);
    for (int i = 0; i < 10; i++) {
        one.at.v[1] = 1 + i;
        observed_put(&observed, &space, &one);
    }
    one.state = POINT_INFEASIBLE;
    for (int i = 0; i < 6; i++) {
        one.at.v[0] = 7 + 20 * i; /* on both sides of 64: no limit tells them from it */
        one.at.v[1] = 40 + i;
        observed_put(&observed, &space, &one);
    }
    cr_assert_eq(surface_learn(&space, &observed, 1, &surface), 0);
    cr_assert_eq(effects_learn(&space, &observed, &surface, 1, &e), 0);
    for (size_t i = 0; i < e.n_rules; i++)
        cr_assert_neq(e.rule[i].kind, RULE_NOT_MULTIPLE, "%d", (int)e.rule[i].limit);
    surface_close(&surface);
    observed_deinit(&observed);
}

Test(effects, needs_three_points)
{
    const struct surface none = {0};
    struct observed observed = {0};
    struct space space;
    struct point start;

    simulated_space(&simulated_smooth, &space, &start);
    simulated_observe(&simulated_smooth, &strategy_random, 1, 1, &observed);
    cr_assert_eq(effects_learn(&space, &observed, &none, 1, &e), ERR_RANGE);
    observed_deinit(&observed);
}
