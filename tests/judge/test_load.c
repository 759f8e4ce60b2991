/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/load.h"

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

Test(load, what_neither_we_nor_the_host_used_was_somebody_elses)
{
    struct load before = {.known = true, .total = 100, .busy = 40, .steal = 1, .own = 7};
    struct load after = {.known = true, .total = 110, .busy = 46, .steal = 2, .own = 10};
    double steal, disturbed;

    load_shares(&before, &after, &steal, &disturbed);
    cr_expect_float_eq(steal, 0.1, 1e-12);
    cr_expect_float_eq(disturbed, 0.3, 1e-12);
    after.own = 20; /* coarse ticks: more than there was */
    load_shares(&before, &after, &steal, &disturbed);
    cr_expect_eq(disturbed, 0);
}

Test(load, without_an_account_nothing_is_claimed)
{
    struct load before = {.known = true, .total = 100}, after = {.known = false, .total = 110};
    double steal, disturbed;

    load_shares(&before, &after, &steal, &disturbed);
    cr_expect_eq(steal, -1);
    cr_expect_eq(disturbed, -1);
    after = before; /* no tick has passed */
    load_shares(&before, &after, &steal, &disturbed);
    cr_expect_eq(disturbed, -1);
}

static void burn(double seconds)
{
    clock_t end = clock() + (clock_t)(seconds * CLOCKS_PER_SEC);

    while (clock() < end)
        ;
}

Test(load, a_child_counts_as_ours_once_it_has_ended_and_been_waited_for)
{
    struct load before, after;
    siginfo_t info;
    pid_t child = fork();

    cr_assert_geq(child, 0);
    if (child == 0) {
        burn(0.1);
        _exit(0);
    }
    cr_assert_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    load_read(&before);
    if (!before.known)
        cr_skip_test("no /proc/stat here");
    waitpid(child, NULL, 0);
    load_read(&after);
    cr_expect_gt(after.own - before.own, 0.09);
    cr_expect_geq(after.total, before.total);
}
