/* SPDX-License-Identifier: Apache-2.0
 *
 * The problem "rms_norm", sealed: y = x w / sqrt(mean(x^2) + eps) for every row of x. An example of a
 * reduction: each output depends on all of its row. */
#include "reference/problem/drawing.h"
#include "reference/problem/operator.h"

#include "reference/base/err.h"

static int generate(struct problem_instance *in, struct rng *r)
{
    int64_t k = problem_param(in->c, "k", 0), n = problem_param(in->c, "n", 1);
    uint32_t x, w, y;
    struct problem_step *s;

    if (k < 1 || n < 1)
        return err_set(ERR_USAGE, "case %s: k and n must be at least 1", in->c->name);
    x = problem_buffer_add(in, "x", PROBLEM_INPUT, KERNEL_F32, k, n, 1);
    w = problem_buffer_add(in, "w", PROBLEM_INPUT, KERNEL_F32, k, 1, 1);
    y = problem_buffer_add(in, "y", PROBLEM_OUTPUT, KERNEL_F32, k, n, 1);
    TRY(problem_instance_allocate(in));
    problem_fill_rows(in, r, x, in->pattern);
    problem_fill_rows(in, r, w, PROBLEM_RANDOM);
    if (in->pattern == PROBLEM_NONFINITE)
        problem_spoil_rows(in, r, x);
    s = problem_step_add(in, KERNEL_RMS_NORM);
    problem_step_in(s, x);
    problem_step_in(s, w);
    problem_step_out(s, y);
    s->call.f[KERNEL_F_EPS] = 1e-5f;
    return 0;
}

/* A sum of squares cannot cancel, so the error is a share of the result: some hundred f32 roundings
 * stay well below 1e-5 of it. */
static void expect_row(struct problem_span *s)
{
    const float *x = problem_operand(s, 0, s->row), *w = problem_operand(s, 1, 0);
    bool spoiled = problem_row_spoiled(s->in, s->step->in[0], s->row, 0, s->k);
    double squares = 0.0, factor;

    for (size_t j = 0; j < s->k; j++)
        squares += (double)x[j] * x[j];
    factor = 1.0 / sqrt(squares / (double)s->k + s->step->call.f[KERNEL_F_EPS]);
    for (size_t j = s->lo; j < s->hi; j++) {
        double want = x[j] * factor * w[j];

        if (spoiled)
            problem_expect_any(s, j);
        else
            problem_expect_near(s, j, want, fabs(want), 1e-5 * fabs(want) + 0x1p-149);
    }
}

static int expect(struct problem_instance *in, const struct problem_range *range,
                  struct problem_expect *out)
{
    problem_rows_expect(in, range, out, expect_row);
    return 0;
}

/* Square and add; scale and weigh; and for each row a division, a sum and a root. */
static int work(const struct problem_case *c, struct problem_work *out)
{
    double k = (double)problem_param(c, "k", 0), n = (double)problem_param(c, "n", 1);

    out->flops_f32 = 4.0 * k * n + 4.0 * n;
    out->bytes_read = 4.0 * k * n + 4.0 * k;
    out->bytes_written = 4.0 * k * n;
    return 0;
}

static size_t pool(const struct problem_case *c)
{
    return (size_t)(4 * problem_param(c, "k", 0) * problem_param(c, "n", 1));
}

static const struct problem_operator operators[] = {{"rms_norm", generate, expect, work, pool}};

#define CASE(name_, k_, n_, weight_, threads)                                                      \
    {                                                                                              \
        .name = name_, .op = "rms_norm", .weight = weight_, .n_threads = threads,                  \
        .patterns = PROBLEM_ALL, .params = {                                                       \
            {"k", k_},                                                                             \
            {"n", n_}                                                                              \
        }                                                                                          \
    }

static const struct problem_case cases[] = {
    CASE("prompt", 2048, 64, 0.5, 1),
    CASE("answer", 4096, 1, 0.3, 1),
    CASE("prompt-2-threads", 2048, 64, 0.2, 2),
    CASE("1x1", 1, 1, 0.0, 1),
    CASE("8x3", 8, 3, 0.0, 1),
    CASE("77x2", 77, 2, 0.0, 1),
    CASE("896x5", 896, 5, 0.0, 1),
};

static void draw(struct drawing *d)
{
    int64_t k = drawing_once_in(d, 4) ? drawing_between(d, 300, 5000) : drawing_between(d, 1, 300);
    int64_t n = drawing_between(d, 1, 17);

    drawing_begin(d, "rms_norm", PROBLEM_ALL);
    drawing_set(d, "k", k);
    drawing_set(d, "n", n);
    drawing_say(d, "-%dx%d", (int)k, (int)n);
}

static int64_t size_step(const struct problem_case *c, const char *key)
{
    (void)c;
    (void)key;
    return 1;
}

const struct problem problem_shipped = {
    .name = "rms_norm",
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
    .operators = operators,
    .n_operators = sizeof operators / sizeof operators[0],
    .draw = draw,
    .size_step = size_step,
};
