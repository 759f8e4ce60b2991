/* SPDX-License-Identifier: Apache-2.0
 *
 * Points drawn uniformly from the unit cube: the yardstick of every other strategy, and better than
 * a grid where few of many numbers matter (Bergstra and Bengio, Random search for hyper-parameter
 * optimization, JMLR 13, 2012). */
#include "ratchet/search/strategy.h"

static int propose(const struct strategy_view *v, struct point *out)
{
    struct rng rng = strategy_rng(v);

    return strategy_draw(v, &rng, out);
}

static size_t blind(const struct strategy_view *v)
{
    (void)v;
    return SIZE_MAX;
}

const struct strategy strategy_random = {.name = "random", .propose = propose, .blind = blind};
