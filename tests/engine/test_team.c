/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/team.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

enum { COLS = 64, ROWS = 33 };

static struct kernel_tensor matrix(float *data, int64_t cols, int64_t rows)
{
    size_t row = (size_t)cols * sizeof(float), all = row * (size_t)rows;

    return (struct kernel_tensor){.type = KERNEL_F32,
                                  .ne = {cols, rows, 1, 1},
                                  .nb = {sizeof(float), row, all, all},
                                  .bytes = all,
                                  .data = data};
}

/* y += 1, as a kernel call */
struct increment {
    float y[ROWS * COLS], ones[ROWS * COLS];
    struct kernel_call call;
};

static void increment_init(struct increment *x)
{
    for (int i = 0; i < ROWS * COLS; i++) {
        x->y[i] = 0;
        x->ones[i] = 1;
    }
    x->call = (struct kernel_call){.op = KERNEL_ADD,
                                   .n_in = 2,
                                   .n_out = 1,
                                   .in = {matrix(x->y, COLS, ROWS), matrix(x->ones, COLS, ROWS)},
                                   .out = {matrix(x->y, COLS, ROWS)}};
}

static void assert_all(const struct increment *x, float want)
{
    for (int i = 0; i < ROWS * COLS; i++)
        cr_assert_eq(x->y[i], want, "element %d is %g, not %g", i, (double)x->y[i], (double)want);
}

Test(team, runs_every_call_of_every_job_once_with_any_number_of_threads, .timeout = 120)
{
    static struct increment x;
    const struct kernel_call *list[7];

    for (int i = 0; i < 7; i++)
        list[i] = &x.call;
    for (uint32_t n_threads = 1; n_threads <= 5; n_threads++) {
        struct team *t = NULL;
        float want = 0;

        increment_init(&x);
        cr_assert_eq(team_open(n_threads, cpu_features(), 100, &t), 0, "%s", err_message());
        for (int job = 0; job < 60; job++) {
            size_t n = (size_t)(job % 8);

            cr_assert_eq(team_run(t, list, n), 0, "%s", err_message());
            want += (float)n;
            assert_all(&x, want);
        }
        team_close(&t);
        cr_assert(t == NULL);
    }
}

Test(team, wakes_threads_that_have_gone_to_sleep, .timeout = 60)
{
    static struct increment x;
    const struct kernel_call *list[] = {&x.call};
    struct team *t = NULL;

    increment_init(&x);
    cr_assert_eq(team_open(3, cpu_features(), 0, &t), 0);
    for (int job = 1; job <= 20; job++) {
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
        cr_assert_eq(team_run(t, list, 1), 0);
        assert_all(&x, (float)job);
    }
    team_close(&t);
}

Test(team, names_the_operation_a_kernel_refuses_and_goes_on_afterwards, .timeout = 60)
{
    static struct increment x;
    struct kernel_call nonsense;
    const struct kernel_call *list[] = {&x.call, &nonsense, &x.call};
    struct team *t = NULL;

    increment_init(&x);
    nonsense = (struct kernel_call){.op = KERNEL_GEMM_IDS};
    cr_assert_eq(team_open(2, cpu_features(), 0, &t), 0);
    cr_assert_eq(team_run(t, list, 3), ERR_UNSUPPORTED);
    cr_assert(strstr(err_message(), "gemm_ids"), "%s", err_message());
    assert_all(&x, 2);
    cr_assert_eq(team_run(t, list, 1), 0);
    assert_all(&x, 3);
    team_close(&t);
}

Test(team, books_time_by_operation)
{
    static struct increment x;
    const struct kernel_call *list[] = {&x.call};
    struct team *t = NULL;

    increment_init(&x);
    cr_assert_eq(team_open(1, cpu_features(), 0, &t), 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(team_run(t, list, 1), 0);
    for (uint32_t op = 0; op < KERNEL_N_OPS; op++)
        cr_assert_eq(team_op_ns(t)[op] > 0, op == KERNEL_ADD, "%s", team_op_name(op));
    team_close(&t);
}

Test(team, refuses_impossible_sizes)
{
    struct team *t = NULL;

    cr_assert_eq(team_open(0, 0, 0, &t), ERR_RANGE);
    cr_assert_eq(team_open(100000, 0, 0, &t), ERR_RANGE);
    cr_assert(t == NULL);
    cr_assert_geq(team_default_threads(), 1);
}
