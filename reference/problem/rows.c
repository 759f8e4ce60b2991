/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c: what the oracles of f32 outputs have in common: a flat range is walked row by row. */
#include "reference/problem/operator.h"

double problem_ulp(double s)
{
    int exponent;

    if (!(s >= 0x1p-126))
        return 0x1p-149;
    frexp(s, &exponent);
    return ldexp(1.0, exponent - 24);
}

void problem_rows_expect(struct problem_instance *in, const struct problem_range *range,
                         struct problem_expect *out, void (*fill)(struct problem_span *s))
{
    struct problem_span s = {.in = in, .step = problem_last_step(in)};
    size_t end = range->first + range->count;

    s.k = (size_t)in->buffers[range->buffer].tensor.ne[0];
    for (size_t i = range->first; i < end; i += s.hi - s.lo) {
        s.row = i / s.k;
        s.lo = i % s.k;
        s.hi = end - i < s.k - s.lo ? s.lo + (end - i) : s.k;
        s.want = out->want + (i - range->first);
        s.bound = out->bound + (i - range->first);
        s.unit = out->unit + (i - range->first);
        fill(&s);
    }
}

const float *problem_operand(const struct problem_span *s, uint32_t index, size_t row)
{
    return problem_row(s->in, s->step->in[index], row);
}

void problem_expect_near(struct problem_span *s, size_t j, double want, double magnitude,
                         double bound)
{
    s->want[j - s->lo] = want;
    s->unit[j - s->lo] = problem_ulp(magnitude);
    s->bound[j - s->lo] = bound;
}

static void expect_anything(double *want, double *bound, double *unit)
{
    *want = 0.0;
    *bound = INFINITY;
    *unit = 1.0;
}

void problem_expect_any(struct problem_span *s, size_t j)
{
    expect_anything(&s->want[j - s->lo], &s->bound[j - s->lo], &s->unit[j - s->lo]);
}

void problem_expect_anything(struct problem_expect *out, size_t i)
{
    expect_anything(&out->want[i], &out->bound[i], &out->unit[i]);
}
