/* SPDX-License-Identifier: Apache-2.0
 *
 * Strategies on kernels that are formulas (simulated.h), with simulated measurements: how many
 * experiments until the incumbent is within 2 % of the optimum. */
#include "tests/search/simulated.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { SEEDS = 20, RANDOM_MOST = 5000, BAYES_MOST = 45 };

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return x < y ? -1 : x > y;
}

/* Of the experiments that it took with the seeds 1 to 20. */
static double median(const struct simulated *s, const struct strategy *strategy, size_t most)
{
    size_t n[SEEDS];

    for (size_t i = 0; i < SEEDS; i++)
        n[i] = simulated_search(s, strategy, i + 1, 0.02, most);
    qsort(n, SEEDS, sizeof *n, by_size);
    return (double)(n[SEEDS / 2 - 1] + n[SEEDS / 2]) / 2;
}

static void in_a_third(const struct simulated *s)
{
    double random = median(s, &strategy_random, RANDOM_MOST);
    double bayes = median(s, &strategy_bayes, BAYES_MOST);

    cr_log_info("%s: median of experiments to 2 %%: random %g, bayes %g", s->name, random, bayes);
    cr_assert_lt(random, RANDOM_MOST, "random: the median is not known");
    cr_assert_lt(bayes, BAYES_MOST, "bayes: the median is not known");
    cr_assert_leq(3 * bayes, random, "%s: random %g, bayes %g", s->name, random, bayes);
}

Test(strategy, bayes_needs_a_third_of_random_where_tiles_interact)
{
    in_a_third(&simulated_smooth);
}

Test(strategy, bayes_needs_a_third_of_random_at_the_edge_of_what_builds)
{
    in_a_third(&simulated_cliff);
}

Test(strategy, evolution_beats_random)
{
    cr_assert_lt(median(&simulated_smooth, &strategy_evolution, RANDOM_MOST),
                 median(&simulated_smooth, &strategy_random, RANDOM_MOST) / 2);
}

/* A view of a problem with its start alone observed. */
struct begun {
    struct space space;
    struct observed observed;
    struct observation start;
    struct strategy_view view;
};

static void begin(struct begun *b, const struct simulated *s, uint64_t seed, size_t budget)
{
    *b = (struct begun){.start = {.state = POINT_MEASURED}};
    simulated_space(s, &b->space, &b->start.at);
    observed_put(&b->observed, &b->space, &b->start);
    b->view = (struct strategy_view){
        .space = &b->space, .observed = &b->observed, .seed = seed, .budget = budget};
}

Test(strategy, same_seed_same_points_and_another_seed_others)
{
    for (size_t k = 0; strategies[k]; k++) {
        struct begun one, same, other;
        struct point a, b, c;

        begin(&one, &simulated_smooth, 5, 2000);
        begin(&same, &simulated_smooth, 5, 2000);
        begin(&other, &simulated_smooth, 6, 2000);
        cr_assert_eq(strategies[k]->propose(&one.view, &a), 1);
        cr_assert_eq(strategies[k]->propose(&same.view, &b), 1);
        cr_assert_eq(strategies[k]->propose(&other.view, &c), 1);
        cr_assert(space_same(&one.space, &a, &b), "%s", strategies[k]->name);
        if (strategies[k] != &strategy_grid)
            cr_assert(!space_same(&one.space, &a, &c), "%s", strategies[k]->name);
        observed_deinit(&one.observed);
        observed_deinit(&same.observed);
        observed_deinit(&other.observed);
    }
}

static void pend(struct begun *b, const struct point *p)
{
    const struct observation one = {.at = *p, .state = POINT_PENDING};

    observed_put(&b->observed, &b->space, &one);
}

/* Every strategy offers every point of a small space once, and then none. */
Test(strategy, offers_every_point_once)
{
    static const struct simulated small = {.name = "small",
                                           .tunables = "TUNABLE(A, 1, 1, 3); TUNABLE(B, 0, 0, 4);"};

    for (size_t k = 0; strategies[k]; k++) {
        struct begun b;
        struct point p;
        size_t n = 0;

        begin(&b, &small, 1, 100);
        while (strategies[k]->propose(&b.view, &p) == 1) {
            cr_assert_null(observed_find(&b.observed, &b.space, &p));
            pend(&b, &p);
            n++;
        }
        cr_assert_eq(n, 14, "%s: %zu", strategies[k]->name, n);
        observed_deinit(&b.observed);
    }
}

Test(strategy, grid_takes_both_ends_and_keeps_to_the_budget)
{
    struct begun b;
    struct point p;
    size_t n = 0, low = 0, high = 0;

    begin(&b, &simulated_smooth, 1, 40);
    b.space.axis[2].fixed_step = false;
    while (strategy_grid.propose(&b.view, &p) == 1) {
        low += p.v[0] == 1;
        high += p.v[0] == 64;
        pend(&b, &p);
        n++;
    }
    cr_assert_eq(n, 36, "%zu points", n); /* 3 x 3 x 2 x 2 */
    cr_assert_gt(low, 0);
    cr_assert_gt(high, 0);
    observed_deinit(&b.observed);
}

Test(strategy, grid_refuses_what_the_budget_cannot_hold)
{
    struct begun b;
    struct point p;

    begin(&b, &simulated_smooth, 1, 15);
    b.space.axis[2].fixed_step = false;
    cr_assert_lt(strategy_grid.propose(&b.view, &p), 0);
    observed_deinit(&b.observed);
}
