/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/team.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

/* MANY rows are work for the team, FEW are done by one thread alone. */
enum { COLS = 64, MANY = 133, FEW = 3 };

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
    float y[MANY * COLS], ones[MANY * COLS];
    struct kernel_call call;
};

static void increment_init(struct increment *x, int rows)
{
    for (int i = 0; i < MANY * COLS; i++) {
        x->y[i] = 0;
        x->ones[i] = 1;
    }
    x->call = (struct kernel_call){.op = KERNEL_ADD,
                                   .n_in = 2,
                                   .n_out = 1,
                                   .in = {matrix(x->y, COLS, rows), matrix(x->ones, COLS, rows)},
                                   .out = {matrix(x->y, COLS, rows)}};
}

static void assert_all(const struct increment *x, float want)
{
    for (int i = 0; i < (int)x->call.out[0].ne[1] * COLS; i++)
        cr_assert_eq(x->y[i], want, "element %d is %g, not %g", i, (double)x->y[i], (double)want);
}

/* Every mixture of shared and solo calls, in jobs of 0 to 7 calls. */
Test(team, runs_every_call_of_every_job_once_with_any_number_of_threads, .timeout = 120)
{
    static struct increment large, little;
    const struct kernel_call *list[7];

    for (uint32_t n_threads = 1; n_threads <= 5; n_threads++) {
        struct team *t = NULL;
        float want_large = 0, want_little = 0;

        increment_init(&large, MANY);
        increment_init(&little, FEW);
        cr_assert_eq(team_open(n_threads, cpu_features(), 100, &t), 0, "%s", err_message());
        for (int job = 0; job < 128; job++) {
            size_t n = (size_t)(job % 8);

            for (size_t i = 0; i < 7; i++)
                list[i] = job >> i & 1 ? &large.call : &little.call;
            cr_assert_eq(team_run(t, list, n), 0, "%s", err_message());
            for (size_t i = 0; i < n; i++)
                *(job >> i & 1 ? &want_large : &want_little) += 1;
            assert_all(&large, want_large);
            assert_all(&little, want_little);
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

    increment_init(&x, MANY);
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

    increment_init(&x, MANY);
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

    increment_init(&x, MANY);
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
