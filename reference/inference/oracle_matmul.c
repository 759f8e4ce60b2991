/* SPDX-License-Identifier: Apache-2.0
 *
 * oracle_matmul.c: what GEMV, GEMM, GEMM_IDS and GET_ROWS must give. The dot products take the exact values
 * of weights and activation blocks as doubles, so nothing is lost but the last of 53 bits. */
#include "reference/inference/inference.h"

#include "reference/base/err.h"
#include "reference/inference/tolerance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Values and magnitudes of the columns that a range touches and of one row of weights. */
struct dot_buffers {
    float *part[2];          /* [k] scale and min parts of a row, or the f32 values of a column */
    double *w, *w_magnitude; /* [k] */
    double *x;               /* [columns][k] */
};

static int dot_buffers_init(struct dot_buffers *b, size_t k, size_t columns)
{
    b->part[0] = malloc(2 * k * sizeof(float));
    b->w = malloc((columns + 2) * k * sizeof(double));
    if (!b->part[0] || !b->w) {
        free(b->part[0]);
        free(b->w);
        return err_set(ERR_NOMEM, "oracle: no memory for %zu columns of %zu", columns, k);
    }
    b->part[1] = b->part[0] + k;
    b->w_magnitude = b->w + k;
    b->x = b->w + 2 * k;
    return 0;
}

static void dot_buffers_deinit(struct dot_buffers *b)
{
    free(b->part[0]);
    free(b->w);
}

/* Values of a row of weights or of a column of activation blocks: the f32 scale of the latter times
 * an 8-bit code needs 31 bits, hence double. */
static void column_load(const struct format *f, const unsigned char *blocks, size_t k,
                        float *scratch, double *x)
{
    if (f->type == KERNEL_Q8_K || f->type == KERNEL_Q8_32) {
        size_t codes = f->type == KERNEL_Q8_K ? offsetof(struct q8_k_block, qs)
                                              : offsetof(struct q8_32_block, qs);
        for (size_t j = 0; j < k; j += f->elements, blocks += f->bytes) {
            float d;
            memcpy(&d, blocks, sizeof d);
            for (size_t i = 0; i < f->elements; i++)
                x[j + i] = (double)d * (int8_t)blocks[codes + i];
        }
        return;
    }
    format_row_dequantize(f, blocks, k, scratch);
    for (size_t j = 0; j < k; j++)
        x[j] = scratch[j];
}

static void row_load(const struct format *f, const void *blocks, size_t k, struct dot_buffers *b)
{
    format_row_split(f, blocks, k, b->part[0], b->part[1]);
    for (size_t j = 0; j < k; j++) {
        double scale = b->part[0][j], min = b->part[1][j];
        b->w[j] = scale - min;
        b->w_magnitude[j] = fabs(scale) + fabs(min);
    }
}

/* *sum = w . x, *magnitude = |w| . |x|; two chains each, for speed alone. */
static void dot(const struct dot_buffers *b, const double *x, size_t k, double *sum,
                double *magnitude)
{
    double s0 = 0.0, s1 = 0.0, m0 = 0.0, m1 = 0.0;
    size_t j = 0;

    for (; j + 2 <= k; j += 2) {
        s0 += b->w[j] * x[j];
        s1 += b->w[j + 1] * x[j + 1];
        m0 += b->w_magnitude[j] * fabs(x[j]);
        m1 += b->w_magnitude[j + 1] * fabs(x[j + 1]);
    }
    if (j < k) {
        s0 += b->w[j] * x[j];
        m0 += b->w_magnitude[j] * fabs(x[j]);
    }
    *sum = s0 + s1;
    *magnitude = m0 + m1;
}

/* The plain weights behind output buffer `buffer`: outputs and packed inputs stand in the same
 * order, and step l packs the l-th of them. */
static const struct problem_buffer *weights_of(const struct problem_instance *in, uint32_t buffer,
                                               uint32_t *index)
{
    const struct problem_step *last = problem_last_step(in);

    for (uint32_t l = 0; l < last->call.n_out; l++)
        if (last->out[l] == buffer) {
            *index = in->steps[l].in[0];
            return &in->buffers[*index];
        }
    return NULL;
}

int inference__matmul_expect(struct problem_instance *in, const struct problem_range *range,
                             struct problem_expect *out)
{
    uint32_t w = 0, x = problem_last_step(in)->in[0];
    const struct kernel_tensor *t = &weights_of(in, range->buffer, &w)->tensor;
    const struct format *f = format_find(t->type);
    const struct format *fx = format_find(in->buffers[x].tensor.type);
    size_t k = (size_t)t->ne[0], m = (size_t)t->ne[1], end = range->first + range->count;
    size_t column0 = range->first / m, columns = (end - 1) / m - column0 + 1;
    double allowed = TOLERANCE_MATMUL_BASE +
                     TOLERANCE_MATMUL_PER_ADDITION * tolerance_matmul_additions(f, (double)k);
    struct dot_buffers b = {0};

    TRY(dot_buffers_init(&b, k, columns));
    for (size_t c = 0; c < columns; c++)
        column_load(fx, problem_row(in, x, column0 + c), k, b.part[0], b.x + c * k);
    /* Rows outside, columns inside: each row is dequantised once. A range within one column starts
     * and ends inside it, so other rows are skipped. */
    for (size_t row = 0; row < m; row++) {
        bool loaded = false;
        for (size_t c = 0; c < columns; c++) {
            size_t i = (column0 + c) * m + row;
            double magnitude;
            if (i < range->first || i >= end)
                continue;
            if (!loaded)
                row_load(f, problem_row(in, w, row), k, &b);
            loaded = true;
            dot(&b, b.x + c * k, k, &out->want[i - range->first], &magnitude);
            out->unit[i - range->first] = problem_ulp(magnitude);
            out->bound[i - range->first] = allowed * problem_ulp(magnitude);
        }
    }
    for (size_t i = range->first; i < end; i++)
        if (problem_row_spoiled(in, x, i / m, 0, k))
            problem_expect_anything(out, i - range->first);
    if (in->pattern == PROBLEM_RANDOM)
        out->rms_limit = TOLERANCE_MATMUL_RMS;
    dot_buffers_deinit(&b);
    return 0;
}

/* Element by element: each entry (place, token) has an expert of its own. */
int inference__gemm_ids_expect(struct problem_instance *in, const struct problem_range *range,
                               struct problem_expect *out)
{
    const struct problem_step *last = problem_last_step(in);
    uint32_t w = 0, x = last->in[0];
    const struct kernel_tensor *t = &weights_of(in, range->buffer, &w)->tensor;
    const int32_t *ids = in->buffers[last->in[last->call.n_in - 1]].tensor.data;
    const struct format *f = format_find(t->type);
    const struct format *fx = format_find(in->buffers[x].tensor.type);
    size_t k = (size_t)t->ne[0], m = (size_t)t->ne[1];
    size_t used = (size_t)in->buffers[range->buffer].tensor.ne[1];
    bool shared = in->buffers[x].tensor.ne[1] == 1;
    double allowed = TOLERANCE_MATMUL_BASE +
                     TOLERANCE_MATMUL_PER_ADDITION * tolerance_matmul_additions(f, (double)k);
    struct dot_buffers b = {0};

    TRY(dot_buffers_init(&b, k, 1));
    for (size_t i = 0; i < range->count; i++) {
        size_t at = range->first + i, entry = at / m, column = shared ? entry / used : entry;
        double magnitude;

        if (i == 0 || at % m == 0)
            column_load(fx, problem_row(in, x, column), k, b.part[0], b.x);
        row_load(f, problem_row(in, w, (size_t)ids[entry] * m + at % m), k, &b);
        dot(&b, b.x, k, &out->want[i], &magnitude);
        out->unit[i] = problem_ulp(magnitude);
        out->bound[i] = allowed * problem_ulp(magnitude);
        if (problem_row_spoiled(in, x, column, 0, k))
            problem_expect_anything(out, i);
    }
    if (in->pattern == PROBLEM_RANDOM)
        out->rms_limit = TOLERANCE_MATMUL_RMS;
    dot_buffers_deinit(&b);
    return 0;
}

int inference__get_rows_expect(struct problem_instance *in, const struct problem_range *range,
                               struct problem_expect *out)
{
    uint32_t w = in->steps[0].in[0];
    const int32_t *ids = in->buffers[problem_last_step(in)->in[1]].tensor.data;
    const struct format *f = format_find(in->buffers[w].tensor.type);
    size_t k = (size_t)in->buffers[w].tensor.ne[0], end = range->first + range->count;
    float *row = malloc(k * sizeof *row);

    if (!row)
        return err_set(ERR_NOMEM, "oracle: no memory for a row of %zu", k);
    out->exact = true;
    for (size_t i = range->first; i < end;) {
        size_t lo = i % k, n = k - lo < end - i ? k - lo : end - i;
        format_row_dequantize(f, problem_row(in, w, (size_t)ids[i / k]), k, row);
        memcpy(out->bytes + (i - range->first) * sizeof *row, row + lo, n * sizeof *row);
        i += n;
    }
    free(row);
    return 0;
}
