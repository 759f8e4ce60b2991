/* SPDX-License-Identifier: Apache-2.0
 *
 * oracle_rows.c: norms, RoPE, GLU, softmax, add and mix in double, row by row. A row
 * function fills elements [lo, hi) of one row; magnitudes are those of reference/inference/tolerance.h. */
#include "reference/inference/inference.h"

#include "reference/inference/tolerance.h"

#include <math.h>
#include <string.h>

static void expect_relative(struct problem_span *s, size_t j, double want, double magnitude,
                            double absolute)
{
    problem_expect_near(s, j, want, magnitude, TOLERANCE_ROWS * magnitude + absolute + 0x1p-149);
}

static void expect_ulp(struct problem_span *s, size_t j, double want, double magnitude, double ulps)
{
    problem_expect_near(s, j, want, magnitude, ulps * problem_ulp(magnitude));
}

static void rms_norm_row(struct problem_span *s)
{
    const float *x = problem_operand(s, 0, s->row);
    const float *w = problem_operand(s, 1, 0);
    double squares = 0.0, factor;

    for (size_t j = 0; j < s->k; j++)
        squares += (double)x[j] * x[j];
    factor = 1.0 / sqrt(squares / (double)s->k + s->step->call.f[KERNEL_F_EPS]);
    for (size_t j = s->lo; j < s->hi; j++) {
        double y = x[j] * factor * w[j];
        expect_relative(s, j, y, fabs(y), 0.0);
    }
}

static void layer_norm_row(struct problem_span *s)
{
    const float *x = problem_operand(s, 0, s->row);
    const float *w = problem_operand(s, 1, 0);
    const float *b = s->step->call.n_in > 2 ? problem_operand(s, 2, 0) : NULL;
    double mean = 0.0, mean_magnitude = 0.0, squares = 0.0, factor;

    for (size_t j = 0; j < s->k; j++) {
        mean += x[j];
        mean_magnitude += fabs((double)x[j]);
    }
    mean /= (double)s->k;
    mean_magnitude /= (double)s->k;
    for (size_t j = 0; j < s->k; j++)
        squares += (x[j] - mean) * (x[j] - mean);
    factor = 1.0 / sqrt(squares / (double)s->k + s->step->call.f[KERNEL_F_EPS]);
    for (size_t j = s->lo; j < s->hi; j++) {
        double bias = b ? b[j] : 0.0;
        double magnitude = (fabs((double)x[j]) + mean_magnitude) * fabs(w[j] * factor) + fabs(bias);
        expect_relative(s, j, (x[j] - mean) * factor * w[j] + bias, magnitude, 0.0);
    }
}

static void rope_row(struct problem_span *s)
{
    const float *x = problem_operand(s, 0, s->row);
    size_t heads = (size_t)s->in->buffers[s->step->in[0]].tensor.ne[1];
    size_t pairs = (size_t)s->in->buffers[s->step->in[1]].tensor.ne[0] / 2;
    const float *table = problem_operand(s, 1, s->row / heads);
    bool neox = s->step->call.i[KERNEL_I_STYLE];

    for (size_t j = s->lo; j < s->hi; j++) {
        size_t pair = neox ? j % pairs : j / 2;
        bool second = neox ? j >= pairs : j % 2;
        double a, b, c, d;
        if (j >= 2 * pairs) {
            expect_ulp(s, j, x[j], fabs((double)x[j]), 0.0);
            continue;
        }
        a = x[neox ? pair : 2 * pair];
        b = x[neox ? pair + pairs : 2 * pair + 1];
        c = table[2 * pair];
        d = table[2 * pair + 1];
        if (second)
            expect_ulp(s, j, a * d + b * c, fabs(a * d) + fabs(b * c), TOLERANCE_ROPE);
        else
            expect_ulp(s, j, a * c - b * d, fabs(a * c) + fabs(b * d), TOLERANCE_ROPE);
    }
}

/* act(g) and the magnitude its error is measured by. */
static double activation(enum kernel_act act, double g, double c, double *magnitude)
{
    double steep = 1.0 + TOLERANCE_ROWS_EXP_SLOPE * fabs(g), t, y;

    switch (act) {
    case KERNEL_ACT_GELU:
    case KERNEL_ACT_GELU_ERF:
        t = act == KERNEL_ACT_GELU_ERF
                ? erf(g * sqrt(0.5))
                : tanh(sqrt(2.0 / 3.14159265358979323846) * (g + 0.044715 * g * g * g));
        *magnitude = 0.5 * fabs(g) * (1.0 + fabs(t));
        return 0.5 * g * (1.0 + t);
    case KERNEL_ACT_SILU:
    case KERNEL_ACT_SIGMOID:
        y = (act == KERNEL_ACT_SILU ? g : 1.0) / (1.0 + exp(-g));
        *magnitude = fabs(y) * steep;
        return y;
    case KERNEL_ACT_RELU:
        y = fmax(g, 0.0);
        break;
    case KERNEL_ACT_SOFTCAP:
        y = c * tanh(g / c);
        break;
    default:
        y = c * g;
    }
    *magnitude = fabs(y);
    return y;
}

static void glu_row(struct problem_span *s)
{
    const float *x = problem_operand(s, 0, s->row);
    const float *up = s->step->call.n_in > 1 ? problem_operand(s, 1, s->row) : NULL;
    enum kernel_act act = (enum kernel_act)s->step->call.i[KERNEL_I_ACT];

    for (size_t j = s->lo; j < s->hi; j++) {
        double g = x[j], u = up ? up[j] : 1.0, magnitude;
        double flush = TOLERANCE_EXP_FLUSH * (1.0 + fabs(g)) * (1.0 + fabs(u));
        double y = activation(act, g, s->step->call.f[KERNEL_F_GAIN], &magnitude);

        expect_relative(s, j, y * u, magnitude * fabs(u), flush);
    }
}

/* x: the first of `used` rows that follow each other. */
static void mix_row(struct problem_span *s)
{
    size_t used = (size_t)s->in->buffers[s->step->in[0]].tensor.ne[1];
    const float *w = problem_operand(s, 1, s->row);

    for (size_t j = s->lo; j < s->hi; j++) {
        double sum = 0.0, magnitude = 0.0;

        for (size_t u = 0; u < used; u++) {
            double term = (double)w[u] * problem_operand(s, 0, s->row * used + u)[j];

            sum += term;
            magnitude += fabs(term);
        }
        expect_ulp(s, j, sum, magnitude, TOLERANCE_MIX(used));
    }
}

static void softmax_row(struct problem_span *s)
{
    const float *x = problem_operand(s, 0, s->row);
    double scale = s->step->call.f[KERNEL_F_SCALE], largest = -INFINITY, total = 0.0,
           steepest = 0.0;

    for (size_t j = 0; j < s->k; j++) {
        largest = fmax(largest, scale * x[j]);
        steepest = fmax(steepest, fabs(scale * x[j]));
    }
    for (size_t j = 0; j < s->k; j++)
        total += exp(scale * x[j] - largest);
    for (size_t j = s->lo; j < s->hi; j++) {
        double y = exp(scale * x[j] - largest) / total;
        expect_relative(s, j, y, y * (1.0 + TOLERANCE_ROWS_EXP_SLOPE * steepest),
                        TOLERANCE_EXP_FLUSH);
    }
}

static void add_row(struct problem_span *s)
{
    const float *x = problem_operand(s, 0, s->row);
    bool broadcast = s->in->buffers[s->step->in[1]].tensor.ne[1] == 1;
    const float *b = problem_operand(s, 1, broadcast ? 0 : s->row);

    for (size_t j = s->lo; j < s->hi; j++)
        expect_ulp(s, j, (double)x[j] + b[j], fabs((double)x[j]) + fabs((double)b[j]),
                   TOLERANCE_ADD);
}

/* In a row with a value that is no number: does element j depend on it? */
static bool depends_on_spoiled(const struct problem_span *s, const float *x, size_t j)
{
    size_t pairs, partner;

    switch (s->step->call.op) {
    case KERNEL_GLU:
    case KERNEL_ADD:
    case KERNEL_MIX:
        return !isfinite(x[j]);
    case KERNEL_ROPE:
        pairs = (size_t)s->in->buffers[s->step->in[1]].tensor.ne[0] / 2;
        partner = !s->step->call.i[KERNEL_I_STYLE] ? j ^ 1 : j < pairs ? j + pairs : j - pairs;
        return !isfinite(x[j]) || (j < 2 * pairs && !isfinite(x[partner]));
    default: /* on all of the row */
        return true;
    }
}

static void fill_row(struct problem_span *s)
{
    switch (s->step->call.op) {
    case KERNEL_RMS_NORM:
        rms_norm_row(s);
        break;
    case KERNEL_LAYER_NORM:
        layer_norm_row(s);
        break;
    case KERNEL_ROPE:
        rope_row(s);
        break;
    case KERNEL_GLU:
        glu_row(s);
        break;
    case KERNEL_SOFTMAX:
        softmax_row(s);
        break;
    case KERNEL_MIX:
        mix_row(s);
        break;
    default:
        add_row(s);
    }
}

/* Where a value is no number, what depends on it may be anything. */
static void expect_row(struct problem_span *s)
{
    bool mix = s->step->call.op == KERNEL_MIX; /* `used` rows make one of the output */
    size_t of_one = mix ? (size_t)s->in->buffers[s->step->in[0]].tensor.ne[1] : 1;

    fill_row(s);
    for (size_t u = 0; u < of_one; u++) {
        if (!problem_row_spoiled(s->in, s->step->in[0], s->row * of_one + u, 0, s->k))
            continue;
        for (size_t j = s->lo; j < s->hi; j++)
            if (depends_on_spoiled(s, problem_operand(s, 0, s->row * of_one + u), j))
                problem_expect_any(s, j);
    }
}

int inference__rows_expect(struct problem_instance *in, const struct problem_range *range,
                           struct problem_expect *out)
{
    problem_rows_expect(in, range, out, expect_row);
    return 0;
}
