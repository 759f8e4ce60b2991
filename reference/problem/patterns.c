/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/problem/operator.h"

#include "reference/base/formats.h"

#include <math.h>
#include <string.h>

float problem_normal(struct rng *r)
{
    uint64_t u = rng_next(r);
    int32_t sum = (int32_t)((u & 0xffff) + (u >> 16 & 0xffff) + (u >> 32 & 0xffff) + (u >> 48));

    return (float)(sum - 131070) * (1.0f / 37837.23f);
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* --- activations --- */

static void fill_normal(struct rng *r, float *x, size_t n, float scale)
{
    for (size_t i = 0; i < n; i++)
        x[i] = problem_normal(r) * scale;
}

/* Everything zero, or about half of the chunks. */
static void fill_zeros(struct rng *r, float *x, size_t n, size_t chunk)
{
    bool all = rng_below(r, 2) == 0;

    for (size_t i = 0; i < n; i += chunk) {
        size_t len = min_size(chunk, n - i);
        if (all || rng_below(r, 2))
            memset(x + i, 0, len * sizeof *x);
        else
            fill_normal(r, x + i, len, 1.0f);
    }
}

/* Per chunk a scale around 2^-92: above 2^-94 a product with the smallest f16 scale is still a
 * normal f32, as the bound supposes. One chunk in eight lies below the quantiser's threshold of
 * 2^-100. */
static void fill_tiny(struct rng *r, float *x, size_t n, size_t chunk)
{
    for (size_t i = 0; i < n; i += chunk) {
        size_t len = min_size(chunk, n - i);
        float scale = rng_below(r, 8) ? 0x1p-92f : 0x1p-104f;
        fill_normal(r, x + i, len, scale);
        x[i + rng_below(r, len)] = 3.0f * scale; /* amax is known */
    }
}

/* Chunk 2b + 1 is the negative of chunk 2b; what is left over is a thousand times smaller, so that
 * the sum of terms is far below the sum of their magnitudes. */
static void fill_cancel(struct rng *r, float *x, size_t n, size_t chunk)
{
    size_t pairs = n / (2 * chunk);

    for (size_t b = 0; b < pairs; b++) {
        float *even = x + 2 * b * chunk, *odd = even + chunk;
        fill_normal(r, even, chunk, 1.0f);
        for (size_t i = 0; i < chunk; i++)
            odd[i] = -even[i];
    }
    fill_normal(r, x + 2 * pairs * chunk, n - 2 * pairs * chunk, pairs ? 1e-3f : 1.0f);
}

/* The largest activations of one sign, or of alternating signs. */
static void fill_extreme(struct rng *r, float *x, size_t n)
{
    uint64_t kind = rng_below(r, 4);
    float first = kind & 1 ? 24576.0f : -24576.0f;

    for (size_t i = 0; i < n; i++)
        x[i] = kind & 2 && i & 1 ? -first : first;
}

/* One chunk is 256 times as large as the others. */
static void fill_probe(struct rng *r, float *x, size_t n, size_t chunk)
{
    size_t heavy = (size_t)rng_below(r, (n + chunk - 1) / chunk) * chunk;

    fill_normal(r, x, n, 0x1p-5f);
    fill_normal(r, x + heavy, min_size(chunk, n - heavy), 0x1p3f);
}

void problem_fill(struct rng *r, enum problem_pattern p, float *x, size_t n, size_t chunk)
{
    switch (p) {
    case PROBLEM_ZEROS:
        fill_zeros(r, x, n, chunk);
        break;
    case PROBLEM_EXTREME:
        fill_extreme(r, x, n);
        break;
    case PROBLEM_PROBE:
        fill_probe(r, x, n, chunk);
        break;
    case PROBLEM_TINY:
        fill_tiny(r, x, n, chunk);
        break;
    case PROBLEM_CANCEL:
        fill_cancel(r, x, n, chunk);
        break;
    case PROBLEM_OUTLIER:
        fill_normal(r, x, n, 1.0f);
        for (size_t i = rng_below(r, min_size(n, 300)); i < n; i += 1 + rng_below(r, 600))
            x[i] *= 1000.0f;
        break;
    default:
        fill_normal(r, x, n, 1.0f);
    }
}

void problem_fill_rows(struct problem_instance *in, struct rng *r, uint32_t buffer,
                       enum problem_pattern p)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;

    for (int64_t row = 0; row < t->ne[1] * t->ne[2]; row++)
        problem_fill(r, p, problem_row(in, buffer, (size_t)row), (size_t)t->ne[0], KERNEL_QK_32);
}

/* --- values that are no numbers --- */

static void plant(struct rng *r, unsigned char *row, size_t n, size_t stride)
{
    static const float values[3] = {NAN, INFINITY, -INFINITY};

    for (uint64_t times = 1 + rng_below(r, 3); times > 0; times--)
        memcpy(row + rng_below(r, n) * stride, &values[rng_below(r, 3)], sizeof values[0]);
}

void problem_spoil_rows(struct problem_instance *in, struct rng *r, uint32_t buffer)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;
    const struct format *f = format_find(t->type);
    size_t rows = (size_t)(t->ne[1] * t->ne[2]), per_row = (size_t)t->ne[0] / f->elements;
    size_t spared = (size_t)rng_below(r, rows);
    size_t sure = rows > 1 ? (spared + 1 + (size_t)rng_below(r, rows - 1)) % rows : 0;

    for (size_t row = 0; row < rows; row++)
        if (row == sure || (row != spared && rng_below(r, 3) == 0))
            plant(r, problem_row(in, buffer, row), per_row, f->bytes);
}

bool problem_row_spoiled(const struct problem_instance *in, uint32_t buffer, size_t row,
                         size_t first, size_t n)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;
    const struct format *f = format_find(t->type);
    const unsigned char *at = problem_row(in, buffer, row);

    if (in->pattern != PROBLEM_NONFINITE)
        return false;
    for (size_t i = first / f->elements; i < (first + n) / f->elements; i++) {
        float value;
        memcpy(&value, at + i * f->bytes, sizeof value);
        if (!isfinite(value))
            return true;
    }
    return false;
}
