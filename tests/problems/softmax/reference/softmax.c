/* SPDX-License-Identifier: Apache-2.0
 *
 * The problem "softmax", sealed: y = exp(s) / sum(exp(s)), s = scale x, over every row of x. An
 * example of several passes over a row, with a function that the kernel must approximate itself. */
#include "reference/problem/drawing.h"
#include "reference/problem/operator.h"

#include "reference/base/err.h"

static int generate(struct problem_instance *in, struct rng *r)
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
    s = problem_step_add(in, KERNEL_SOFTMAX);
    problem_step_in(s, x);
    problem_step_out(s, y);
    s->call.f[KERNEL_F_SCALE] = (float)problem_param(in->c, "scale_milli", 1000) / 1000.0f;
    return 0;
}

/* exp makes the rounding of s a relative error, so the bound grows with the largest score; what
 * flushes to zero near the end of the f32 range may. */
static void expect_row(struct problem_span *s)
{
    const float *x = problem_operand(s, 0, s->row);
    bool spoiled = problem_row_spoiled(s->in, s->step->in[0], s->row, 0, s->k);
    double scale = s->step->call.f[KERNEL_F_SCALE], largest = -INFINITY, steepest = 0.0, sum = 0.0;

    for (size_t j = 0; j < s->k; j++) {
        largest = fmax(largest, scale * x[j]);
        steepest = fmax(steepest, fabs(scale * x[j]));
    }
    for (size_t j = 0; j < s->k; j++)
        sum += exp(scale * x[j] - largest);
    for (size_t j = s->lo; j < s->hi; j++) {
        double want = exp(scale * x[j] - largest) / sum;
        double magnitude = want * (1.0 + steepest / 16.0);

        if (spoiled)
            problem_expect_any(s, j);
        else
            problem_expect_near(s, j, want, magnitude, 1e-5 * magnitude + 0x1p-120);
    }
}

static int expect(struct problem_instance *in, const struct problem_range *range,
                  struct problem_expect *out)
{
    problem_rows_expect(in, range, out, expect_row);
    return 0;
}

static double values(const struct problem_case *c)
{
    return (double)(problem_param(c, "k", 0) * problem_param(c, "n", 1));
}

/* Scale, subtract, exp, add, divide: one operation each. */
static int work(const struct problem_case *c, struct problem_work *out)
{
    out->flops_f32 = 5.0 * values(c);
    out->bytes_read = out->bytes_written = 4.0 * values(c);
    return 0;
}

static size_t pool(const struct problem_case *c)
{
    return (size_t)(4.0 * values(c));
}

static const struct problem_operator operators[] = {{"softmax", generate, expect, work, pool}};

#define CASE(name_, k_, n_, scale, weight_, threads)                                               \
    {                                                                                              \
        .name = name_, .op = "softmax", .weight = weight_, .n_threads = threads,                   \
        .patterns = PROBLEM_ALL, .params = {                                                       \
            {"k", k_},                                                                             \
            {"n", n_},                                                                             \
            {"scale_milli", scale}                                                                 \
        }                                                                                          \
    }

static const struct problem_case cases[] = {
    CASE("scores", 512, 64, 125, 0.5, 1),
    CASE("vocabulary", 32000, 1, 1000, 0.3, 1),
    CASE("scores-2-threads", 512, 64, 125, 0.2, 2),
    CASE("1x2", 1, 2, 1000, 0.0, 1),
    CASE("33x3", 33, 3, 125, 0.0, 1),
    CASE("4000x1", 4000, 1, 3000, 0.0, 1),
};

static void draw(struct drawing *d)
{
    int64_t k = drawing_once_in(d, 4) ? drawing_between(d, 300, 5000) : drawing_between(d, 1, 300);
    int64_t n = drawing_between(d, 1, 17);

    drawing_begin(d, "softmax", PROBLEM_ALL);
    drawing_set(d, "k", k);
    drawing_set(d, "n", n);
    drawing_set(d, "scale_milli", drawing_between(d, 50, 3000));
    drawing_say(d, "-%dx%d", (int)k, (int)n);
}

static int64_t size_step(const struct problem_case *c, const char *key)
{
    (void)c;
    return key[0] == 'k' || key[0] == 'n';
}

const struct problem problem_shipped = {
    .name = "softmax",
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
    .operators = operators,
    .n_operators = sizeof operators / sizeof operators[0],
    .draw = draw,
    .size_step = size_step,
};
