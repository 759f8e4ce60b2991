/* SPDX-License-Identifier: Apache-2.0
 *
 * The problem "@NAME@", sealed: what is computed, on which sizes, how exact it must be, how much
 * work it is. Whoever makes the kernel faster cannot change this file; a change of it is an ordinary
 * commit, after which evidence starts again. reference/problem.h and reference/problem/operator.h in
 * Pawl's tree say what everything here means. FILL IN marks what is yours. */
#include "reference/problem/drawing.h"
#include "reference/problem/operator.h"

#include "reference/base/err.h"

/* FILL IN: the inputs and outputs of one call. Here x, f32, n rows of k, gives y of the same shape. */
static int own_generate(struct problem_instance *in, struct rng *r)
{
    int64_t k = problem_param(in->c, "k", 0), n = problem_param(in->c, "n", 1);
    uint32_t x, y;
    struct problem_step *s;

    if (k < 1 || n < 1)
        return err_set(ERR_USAGE, "case %s: k and n must be at least 1", in->c->name);
    x = problem_buffer_add(in, "x", PROBLEM_INPUT, KERNEL_F32, k, n, 1);
    y = problem_buffer_add(in, "y", PROBLEM_OUTPUT, KERNEL_F32, k, n, 1);
    TRY(problem_instance_allocate(in));
    problem_fill_rows(in, r, x, in->pattern);
    if (in->pattern == PROBLEM_NONFINITE)
        problem_spoil_rows(in, r, x);
    s = problem_step_add(in, KERNEL_OWN_OPS);
    problem_step_in(s, x);
    problem_step_out(s, y);
    return 0;
}

/* FILL IN: the truth of elements lo..hi-1 of one row, in double, and how far a result may lie from
 * it: no further than honest f32 arithmetic in any order can, or wrong kernels will pass. */
/* row: begin */
static void own_expect_row(struct problem_span *s)
{
    const float *x = problem_operand(s, 0, s->row);

    for (size_t j = s->lo; j < s->hi; j++) {
        double want = x[j] / (1.0 + fabs((double)x[j]));

        if (isfinite(x[j]))
            problem_expect_near(s, j, want, fabs(want), 4.0 * problem_ulp(fabs(want)));
        else
            problem_expect_any(s, j);
    }
}
/* row: end */

static int own_expect(struct problem_instance *in, const struct problem_range *range,
                      struct problem_expect *out)
{
    problem_rows_expect(in, range, out, own_expect_row);
    return 0;
}

static double own_values(const struct problem_case *c)
{
    return (double)(problem_param(c, "k", 0) * problem_param(c, "n", 1));
}

/* FILL IN: operations and bytes that no correct kernel can do without; they make the roofline. */
static int own_work(const struct problem_case *c, struct problem_work *out)
{
    out->flops_f32 = 2.0 * own_values(c);
    out->bytes_read = out->bytes_written = 4.0 * own_values(c);
    return 0;
}

/* Bytes of what calls do not share. */
static size_t own_pool(const struct problem_case *c)
{
    return (size_t)(4.0 * own_values(c));
}

static const struct problem_operator own_operators[] = {
    {"@NAME@", own_generate, own_expect, own_work, own_pool}};

/* FILL IN: the sizes. Weights are shares of the time that they take in real use, and sum to 1; cases
 * without weight are checked only, and are there for the edges. */
#define OWN_CASE(name_, k_, n_, weight_, threads)                                                  \
    {                                                                                              \
        .name = name_, .op = "@NAME@", .weight = weight_, .n_threads = threads,                    \
        .patterns = PROBLEM_ALL, .params = {                                                       \
            {"k", k_},                                                                             \
            {"n", n_}                                                                              \
        }                                                                                          \
    }

static const struct problem_case own_cases[] = {
    OWN_CASE("2048x64", 2048, 64, 0.6, 1),
    OWN_CASE("65536x1", 65536, 1, 0.2, 1),
    OWN_CASE("2048x64-2-threads", 2048, 64, 0.2, 2),
    OWN_CASE("1x1", 1, 1, 0.0, 1),
    OWN_CASE("7x3", 7, 3, 0.0, 1),
    OWN_CASE("33x17", 33, 17, 0.0, 1),
    OWN_CASE("1000x2", 1000, 2, 0.0, 1),
};

/* FILL IN: cases that are in no list, small enough for the oracle. A kernel must not know its sizes. */
static void own_draw(struct drawing *d)
{
    int64_t k = drawing_once_in(d, 4) ? drawing_between(d, 300, 5000) : drawing_between(d, 1, 300);
    int64_t n = drawing_between(d, 1, 17);

    drawing_begin(d, "@NAME@", PROBLEM_ALL);
    drawing_set(d, "k", k);
    drawing_set(d, "n", n);
    drawing_say(d, "-%dx%d", (int)k, (int)n);
}

/* Wins are confirmed at sizes a little off the listed ones: both may move, in steps of 1. */
static int64_t own_size_step(const struct problem_case *c, const char *key)
{
    (void)c;
    (void)key;
    return 1;
}

const struct problem problem_shipped = {
    .name = "@NAME@",
    .cases = own_cases,
    .n_cases = sizeof own_cases / sizeof own_cases[0],
    .operators = own_operators,
    .n_operators = sizeof own_operators / sizeof own_operators[0],
    .draw = own_draw,
    .size_step = own_size_step,
};
