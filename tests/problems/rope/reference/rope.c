/* SPDX-License-Identifier: Apache-2.0
 *
 * The problem "rope", sealed: every pair (x[2i], x[2i + 1]) of every head is turned by an angle whose
 * cosine and sine stand in a table, one row for each token. An example of a second input, which the
 * heads of a token share. */
#include "reference/problem/drawing.h"
#include "reference/problem/operator.h"

#include "reference/base/err.h"

/* Cosine and sine from a rational parametrisation of the circle: no libm, the same everywhere. */
static void fill_rotations(struct problem_instance *in, struct rng *r, uint32_t table)
{
    const struct kernel_tensor *t = &in->buffers[table].tensor;

    for (int64_t j = 0; j < t->ne[1]; j++) {
        float *row = problem_row(in, table, (size_t)j);

        for (int64_t i = 0; i < t->ne[0]; i += 2) {
            double u = 4.0 * rng_uniform(r) - 2.0;

            row[i] = (float)((1.0 - u * u) / (1.0 + u * u));
            row[i + 1] = (float)(2.0 * u / (1.0 + u * u));
        }
    }
}

static int generate(struct problem_instance *in, struct rng *r)
{
    int64_t k = problem_param(in->c, "k", 0), n = problem_param(in->c, "n", 1);
    int64_t heads = problem_param(in->c, "heads", 1);
    uint32_t x, table, y;
    struct problem_step *s;

    if (k < 2 || k % 2 || n < 1 || heads < 1)
        return err_set(ERR_USAGE, "case %s: k must be even, n and heads at least 1", in->c->name);
    x = problem_buffer_add(in, "x", PROBLEM_INPUT, KERNEL_F32, k, heads, n);
    table = problem_buffer_add(in, "table", PROBLEM_INPUT, KERNEL_F32, k, n, 1);
    y = problem_buffer_add(in, "y", PROBLEM_OUTPUT, KERNEL_F32, k, heads, n);
    TRY(problem_instance_allocate(in));
    problem_fill_rows(in, r, x, in->pattern);
    fill_rotations(in, r, table);
    if (in->pattern == PROBLEM_NONFINITE)
        problem_spoil_rows(in, r, x);
    s = problem_step_add(in, KERNEL_ROPE);
    problem_step_in(s, x);
    problem_step_in(s, table);
    problem_step_out(s, y);
    return 0;
}

/* Two products and an addition round three times by half an ulp of |x cos| + |x' sin|. */
static void expect_row(struct problem_span *s)
{
    size_t heads = (size_t)s->in->buffers[s->step->in[0]].tensor.ne[1];
    const float *x = problem_operand(s, 0, s->row), *table = problem_operand(s, 1, s->row / heads);

    for (size_t j = s->lo; j < s->hi; j++) {
        double a = x[j & ~(size_t)1], b = x[j | 1];
        double c = table[j & ~(size_t)1], d = table[j | 1];
        double first = j & 1 ? a * d : a * c, second = j & 1 ? b * c : -b * d;
        double magnitude = fabs(first) + fabs(second);

        if (isfinite(a) && isfinite(b))
            problem_expect_near(s, j, first + second, magnitude, 4.0 * problem_ulp(magnitude));
        else
            problem_expect_any(s, j);
    }
}

static int expect(struct problem_instance *in, const struct problem_range *range,
                  struct problem_expect *out)
{
    problem_rows_expect(in, range, out, expect_row);
    return 0;
}

/* Four products and two additions a pair. */
static int work(const struct problem_case *c, struct problem_work *out)
{
    double k = (double)problem_param(c, "k", 0), n = (double)problem_param(c, "n", 1);
    double heads = (double)problem_param(c, "heads", 1);

    out->flops_f32 = 3.0 * k * heads * n;
    out->bytes_read = 4.0 * k * heads * n + 4.0 * k * n;
    out->bytes_written = 4.0 * k * heads * n;
    return 0;
}

static size_t pool(const struct problem_case *c)
{
    return (size_t)(4 * problem_param(c, "k", 0) * problem_param(c, "heads", 1) *
                    problem_param(c, "n", 1));
}

static const struct problem_operator operators[] = {{"rope", generate, expect, work, pool}};

#define CASE(name_, k_, heads_, n_, weight_, threads)                                              \
    {                                                                                              \
        .name = name_, .op = "rope", .weight = weight_, .n_threads = threads,                      \
        .patterns = PROBLEM_ALL, .params = {                                                       \
            {"k", k_},                                                                             \
            {"heads", heads_},                                                                     \
            {"n", n_}                                                                              \
        }                                                                                          \
    }

static const struct problem_case cases[] = {
    CASE("prompt", 128, 32, 32, 0.6, 1),
    CASE("answer", 128, 40, 1, 0.2, 1),
    CASE("prompt-2-threads", 128, 32, 32, 0.2, 2),
    CASE("2x1x1", 2, 1, 1, 0.0, 1),
    CASE("10x3x5", 10, 3, 5, 0.0, 1),
    CASE("80x2x3", 80, 2, 3, 0.0, 1),
    CASE("64x7x9", 64, 7, 9, 0.0, 1),
};

static void draw(struct drawing *d)
{
    int64_t k = 2 * drawing_between(d, 1, 128), heads = drawing_between(d, 1, 8);
    int64_t n = drawing_between(d, 1, 17);

    drawing_begin(d, "rope", PROBLEM_ALL);
    drawing_set(d, "k", k);
    drawing_set(d, "heads", heads);
    drawing_set(d, "n", n);
    drawing_say(d, "-%dx%dx%d", (int)k, (int)heads, (int)n);
}

/* A head is as wide as it is. */
static int64_t size_step(const struct problem_case *c, const char *key)
{
    (void)c;
    return key[0] != 'k';
}

const struct problem problem_shipped = {
    .name = "rope",
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
    .operators = operators,
    .n_operators = sizeof operators / sizeof operators[0],
    .draw = draw,
    .size_step = size_step,
};
