/* SPDX-License-Identifier: Apache-2.0
 *
 * Every combination of a few levels of each TUNABLE. One with a step of its own (--range) has all
 * the values that it says; the others share what the budget leaves, evenly spaced in the unit cube,
 * both ends among them. */
#include "ratchet/search/strategy.h"

#include "reference/base/err.h"

static double product(const struct space *s, const uint64_t *levels)
{
    double n = 1;

    for (size_t i = 0; i < s->n; i++)
        n *= (double)levels[i];
    return n;
}

/* One level more for the axis that has fewest and can have more: its index, or SIZE_MAX. */
static size_t poorest(const struct space *s, const uint64_t *levels)
{
    size_t found = SIZE_MAX;

    for (size_t i = 0; i < s->n; i++)
        if (levels[i] < space_values(&s->axis[i]) &&
            (found == SIZE_MAX || levels[i] < levels[found]))
            found = i;
    return found;
}

static int choose_levels(const struct strategy_view *v, uint64_t *levels)
{
    const struct space *s = v->space;
    double least;

    for (size_t i = 0; i < s->n; i++)
        levels[i] =
            s->axis[i].fixed_step ? space_values(&s->axis[i]) : 1 + (space_values(&s->axis[i]) > 1);
    least = product(s, levels);
    if (least > (double)v->budget)
        return err_set(
            ERR_USAGE,
            "the smallest grid over these %zu TUNABLEs has %.0f points, and the budget "
            "is %zu: name fewer with --over, take wider steps with --range, or let bayes "
            "choose",
            s->n, least, v->budget);
    for (size_t i; (i = poorest(s, levels)) != SIZE_MAX; levels[i]++)
        if (product(s, levels) / (double)levels[i] * (double)(levels[i] + 1) > (double)v->budget)
            break;
    return 0;
}

/* Point number `index`, the last axis fastest. */
static void grid_point(const struct space *s, const uint64_t *levels, uint64_t index,
                       struct point *out)
{
    for (size_t i = s->n; i-- > 0; index /= levels[i]) {
        double at = levels[i] > 1 ? (double)(index % levels[i]) / (double)(levels[i] - 1) : 0;

        out->v[i] = levels[i] == space_values(&s->axis[i])
                        ? s->axis[i].low + (int64_t)(index % levels[i]) * s->axis[i].step
                        : space_value(&s->axis[i], at);
    }
}

static int propose(const struct strategy_view *v, struct point *out)
{
    uint64_t levels[SPACE_MOST], n;

    TRY(choose_levels(v, levels));
    n = (uint64_t)product(v->space, levels);
    for (uint64_t i = 0; i < n; i++) {
        grid_point(v->space, levels, i, out);
        if (!strategy_tried(v, out))
            return 1;
    }
    return 0;
}

static size_t blind(const struct strategy_view *v)
{
    (void)v;
    return SIZE_MAX;
}

const struct strategy strategy_grid = {.name = "grid", .propose = propose, .blind = blind};
