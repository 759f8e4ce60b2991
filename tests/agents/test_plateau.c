/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/plateau.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const struct plateau_op fresh[] = {
    {.name = "gemv", .share = 0.5, .distance = 0.4},
    {.name = "gemm", .share = 0.3, .distance = 0.4},
    {.name = "norm", .share = 0.2, .distance = NAN},
};

Test(plateau, expects_share_times_distance_times_hit_rate)
{
    struct plateau_op op = {.share = 0.5, .distance = 0.4};

    cr_assert_float_eq(plateau_expected(&op), 0.5 * 0.4 * 0.25, 1e-12);
    op.wins = 3;
    op.misses = 3;
    cr_assert_float_eq(plateau_expected(&op), 0.5 * 0.4 * 0.4, 1e-12);
    op = (struct plateau_op){.share = 1, .distance = NAN};
    cr_assert_float_eq(plateau_expected(&op), PLATEAU_DISTANCE_UNKNOWN / 4, 1e-12);
    op.distance = 0;
    cr_assert_eq(plateau_expected(&op), 0, "at the roof there is nothing to gain");
}

Test(plateau, begins_where_most_is_to_be_gained)
{
    struct plateau p;

    plateau_decide(fresh, 3, 3, PLATEAU_GO, 0.01, &p);
    cr_assert_eq(p.level, PLATEAU_GO);
    cr_assert_eq(p.focus, 0);
    cr_assert_str_eq(p.reason, "");
}

Test(plateau, warns_before_it_goes_elsewhere_and_stays_when_a_win_comes)
{
    struct plateau_op ops[3];
    struct plateau p;

    memcpy(ops, fresh, sizeof ops);
    ops[0].misses = 8;
    plateau_decide(ops, 3, 0, PLATEAU_GO, 0.001, &p);
    cr_assert_eq(p.level, PLATEAU_WARN_SWITCH);
    cr_assert_eq(p.focus, 0);
    cr_assert(strstr(p.reason, "gemv: 0 of 8 won lately") && strstr(p.reason, "gemm"), "%s",
              p.reason);
    ops[0].misses++;
    plateau_decide(ops, 3, 0, PLATEAU_WARN_SWITCH, 0.001, &p);
    cr_assert_eq(p.level, PLATEAU_SWITCH);
    cr_assert_eq(p.focus, 1);
    ops[0].wins = 6;
    plateau_decide(ops, 3, 0, PLATEAU_WARN_SWITCH, 0.001, &p);
    cr_assert_eq(p.level, PLATEAU_GO);
    cr_assert_eq(p.focus, 0);
}

Test(plateau, stops_only_when_nothing_promises_more_and_after_a_warning)
{
    struct plateau_op one = {.name = "gemm", .share = 1, .distance = 0.05, .misses = 10};
    struct plateau p;

    plateau_decide(&one, 1, 0, PLATEAU_GO, 0.01, &p);
    cr_assert_eq(p.level, PLATEAU_WARN_STOP);
    plateau_decide(&one, 1, 0, p.level, 0.01, &p);
    cr_assert_eq(p.level, PLATEAU_STOP);
    cr_assert(strstr(p.reason, "0 of 10"), "%s", p.reason);
    plateau_decide(&one, 1, 0, PLATEAU_WARN_STOP, 0, &p);
    cr_assert_eq(p.level, PLATEAU_GO, "0 never stops");
}

Test(plateau, does_only_what_it_warned_of)
{
    struct plateau_op one = {.name = "gemm", .share = 1, .distance = 0.05, .misses = 10};
    struct plateau_op ops[] = {{.name = "a", .share = 0.2, .distance = 0.5},
                               {.name = "b", .share = 0.8, .distance = 0.7}};
    struct plateau p;

    plateau_decide(&one, 1, 0, PLATEAU_WARN_SWITCH, 0.01, &p);
    cr_assert_eq(p.level, PLATEAU_WARN_STOP, "of the end nobody spoke yet");
    plateau_decide(ops, 2, 0, PLATEAU_WARN_STOP, 0.01, &p);
    cr_assert_eq(p.level, PLATEAU_WARN_SWITCH);
    cr_assert_eq(p.focus, 0);
    cr_assert_str_eq(plateau_level_name(PLATEAU_WARN_STOP), "warn");
}

Test(plateau, does_not_go_to_and_fro_for_a_little_more)
{
    struct plateau_op ops[] = {{.name = "a", .share = 0.5, .distance = 0.5},
                               {.name = "b", .share = 0.5, .distance = 0.7}};
    struct plateau p;

    plateau_decide(ops, 2, 0, PLATEAU_WARN_SWITCH, 0.001, &p);
    cr_assert_eq(p.level, PLATEAU_GO);
    cr_assert_eq(p.focus, 0);
}
