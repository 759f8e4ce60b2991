/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/surface.h"
#include "tests/search/simulated.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <math.h>

/* Thirty kernels that are all equally fast, measured with 2 % of noise: the luckiest looks faster than
 * its own interval allows, and the process knows better. */
Test(surface, the_best_is_not_the_luckiest_measurement)
{
    static const struct simulated flat = {.name = "flat", .tunables = "TUNABLE(A, 1, 1, 1000);"};
    struct observation one = {.state = POINT_MEASURED, .se = 0.02}, best;
    struct surface surface = {0};
    struct observed observed = {0};
    struct space space;
    struct rng rng;
    double least = 0;

    simulated_space(&flat, &space, &one.at);
    rng_init(&rng, 1);
    for (int i = 0; i < 30; i++) {
        one.at.v[0] = 1 + 33 * i;
        one.y = one.se * rng_normal(&rng);
        least = fmin(least, one.y);
        observed_put(&observed, &space, &one);
    }
    cr_assert_lt(least, -1.96 * one.se);
    cr_assert_eq(surface_learn(&space, &observed, 1, &surface), 0, "%s", err_message());
    best = surface_best(&surface, &space, &observed);
    cr_assert_gt(best.y, -1.96 * best.se, "%g %g", best.y, best.se);
    cr_assert_gt(best.y, least / 2, "%g %g", best.y, least);
    surface_close(&surface);
    observed_deinit(&observed);
}
