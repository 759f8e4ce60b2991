/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/paired_ratio.h"

#include <criterion/criterion.h>
#include <math.h>

static void near(double got, double want)
{
    cr_assert(fabs(got - want) < 1e-12, "got %.15g, want %.15g", got, want);
}

Test(paired_ratio, takes_the_ratio_within_rounds_and_not_of_the_medians)
{
    /* The machine doubles its speed from round to round; the ratio stays at 2. */
    const struct paired p = {.n = 3, .a = {2, 4, 8}, .b = {1, 2, 4}};
    struct paired_ratio r = paired_ratio(&p);

    near(r.a, 4);
    near(r.b, 2);
    near(r.ratio, 2);
    near(r.low, 2);
    near(r.high, 2);
    near(r.spread_a, 0.75);
}

Test(paired_ratio, five_rounds_give_their_whole_range)
{
    const struct paired p = {.n = 5, .a = {1.1, 1.5, 1.3, 1.2, 1.4}, .b = {1, 1, 1, 1, 1}};
    struct paired_ratio r = paired_ratio(&p);

    near(r.ratio, 1.3);
    near(r.low, 1.1);
    near(r.high, 1.5);
    near(r.confidence, 0.9375);
}

/* Of nine, one outlier on each side can go: 1 - 2 (1 + 9) / 512. */
Test(paired_ratio, nine_rounds_forgive_one_outlier_on_each_side)
{
    struct paired p = {.n = 9, .a = {100, 1, 2, 3, 4, 5, 6, 7, 0.01}};
    struct paired_ratio r;

    for (size_t i = 0; i < p.n; i++)
        p.b[i] = 1;
    r = paired_ratio(&p);
    near(r.ratio, 4);
    near(r.low, 1);
    near(r.high, 7);
    near(r.confidence, 1 - 20.0 / 512);
}

Test(paired_ratio, one_round_proves_nothing)
{
    const struct paired p = {.n = 1, .a = {3}, .b = {2}};
    struct paired_ratio r = paired_ratio(&p);

    near(r.ratio, 1.5);
    near(r.confidence, 0);
}
