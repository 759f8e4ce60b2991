/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/operators.h"

#include "reference/base/half.h"

#include <math.h>
#include <string.h>

float problem__normal(struct rng *r)
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
        x[i] = problem__normal(r) * scale;
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

void problem__fill(struct rng *r, enum problem_pattern p, float *x, size_t n, size_t chunk)
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

void problem__fill_rows(struct problem_instance *in, struct rng *r, uint32_t buffer,
                        enum problem_pattern p)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;

    for (int64_t row = 0; row < t->ne[1] * t->ne[2]; row++)
        problem__fill(r, p, problem__row(in, buffer, (size_t)row), (size_t)t->ne[0], KERNEL_QK_32);
}

/* --- values that are no numbers --- */

static void plant(struct rng *r, unsigned char *row, size_t n, size_t stride)
{
    static const float values[3] = {NAN, INFINITY, -INFINITY};

    for (uint64_t times = 1 + rng_below(r, 3); times > 0; times--)
        memcpy(row + rng_below(r, n) * stride, &values[rng_below(r, 3)], sizeof values[0]);
}

void problem__spoil_rows(struct problem_instance *in, struct rng *r, uint32_t buffer)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;
    const struct format *f = format_find(t->type);
    size_t rows = (size_t)(t->ne[1] * t->ne[2]), per_row = (size_t)t->ne[0] / f->elements;
    size_t spared = (size_t)rng_below(r, rows);
    size_t sure = rows > 1 ? (spared + 1 + (size_t)rng_below(r, rows - 1)) % rows : 0;

    for (size_t row = 0; row < rows; row++)
        if (row == sure || (row != spared && rng_below(r, 3) == 0))
            plant(r, problem__row(in, buffer, row), per_row, f->bytes);
}

bool problem__row_spoiled(const struct problem_instance *in, uint32_t buffer, size_t row,
                          size_t first, size_t n)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;
    const struct format *f = format_find(t->type);
    const unsigned char *at = problem__row(in, buffer, row);

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

/* --- weights --- */

static void store_u16(unsigned char *p, uint16_t v)
{
    p[0] = (unsigned char)v;
    p[1] = (unsigned char)(v >> 8);
}

static void fill_bytes(struct rng *r, unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
        uint64_t u = rng_next(r);
        memcpy(p + i, &u, min_size(n - i, sizeof u));
    }
}

static void set_scales(const struct format *f, unsigned char *block, uint16_t d, uint16_t dmin)
{
    store_u16(block + f->scale_offset, d);
    if (f->min_offset)
        store_u16(block + f->min_offset, dmin);
}

/* An f16 of magnitude [0.5, 1.5) x 2^-10 x `scale`, one in four negative. */
static uint16_t random_scale(struct rng *r, float scale)
{
    float u = 0.5f + (float)(rng_next(r) >> 40) * 0x1p-24f;

    return half_from_float((rng_below(r, 4) ? u : -u) * scale * 0x1p-10f);
}

/* Largest f16 scales. Three rows in turn: every bit set, every code lowest, random codes. */
static void block_extreme(const struct format *f, unsigned char *block, size_t row)
{
    uint16_t max = 0x7bff, negative = 0xfbff;

    if (row % 3 == 0)
        memset(block, 0xff, f->bytes);
    if (row % 3 == 0 && f->type == KERNEL_Q6_K)
        memset(block + 192, 0x7f, 16); /* codes 31 times scales 127 */
    if (row % 3 == 0 && f->type == KERNEL_Q8_0)
        memset(block, 0x7f, f->bytes);
    if (row % 3 == 1)
        memset(block, f->type == KERNEL_Q8_0 ? 0x80 : 0, f->bytes);
    if (row % 3 == 1 && (f->type == KERNEL_Q4_K || f->type == KERNEL_Q5_K))
        memset(block + 4, 0xff, 12); /* codes 0 with the largest mins */
    if (row % 3 == 1 && f->type == KERNEL_Q2_K)
        memset(block, 0xf0, 16); /* likewise */
    if (row % 3 == 1 && f->type == KERNEL_Q6_K)
        memset(block + 192, 0x80, 16); /* codes -32 times scales -128 */
    if (row % 3 == 0 && f->type == KERNEL_TQ2_0)
        memset(block, row & 1 ? 0xff : 0xaa, 64); /* 3, which no encoder writes, and 2 */
    set_scales(f, block, row & 1 ? negative : max, row & 2 ? negative : max);
}

/* A block of a row of PROBLEM_PROBE that carries nearly all of its sum. */
#define PROBE_SCALE 1024.0f

static void fill_block(struct rng *r, enum problem_pattern p, const struct format *f,
                       unsigned char *block, size_t row, float scale)
{
    uint64_t kind = rng_below(r, 3);

    fill_bytes(r, block, f->bytes);
    set_scales(f, block, random_scale(r, scale), random_scale(r, scale));
    if (p == PROBLEM_ZEROS && kind == 0)
        set_scales(f, block, 0, 0);
    if (p == PROBLEM_ZEROS && kind == 1) {
        memset(block, 0, f->bytes);
        set_scales(f, block, random_scale(r, 1.0f), random_scale(r, 1.0f));
    }
    if (p == PROBLEM_EXTREME)
        block_extreme(f, block, row);
    if (p == PROBLEM_TINY) /* subnormal f16, either sign */
        set_scales(f, block, (uint16_t)(1 + rng_below(r, 1023) + (kind == 0 ? 0x8000 : 0)),
                   (uint16_t)(1 + rng_below(r, 1023)));
    if (p == PROBLEM_OUTLIER && rng_below(r, 20) == 0)
        set_scales(f, block, random_scale(r, 1000.0f), random_scale(r, 1000.0f));
}

/* One plain number; the extremes keep products with the largest activations finite in f32. */
static float random_weight(struct rng *r, enum problem_pattern p, size_t row)
{
    float x = problem__normal(r) * 0.05f;

    if (p == PROBLEM_ZEROS)
        return rng_below(r, 3) ? x : 0.0f;
    if (p == PROBLEM_EXTREME)
        return row & 1 ? -65504.0f : 65504.0f;
    if (p == PROBLEM_TINY)
        return x * 0x1p-14f;
    if (p == PROBLEM_OUTLIER && rng_below(r, 300) == 0)
        return x * 1000.0f;
    return x;
}

static void store_number(uint32_t type, float x, unsigned char *out)
{
    if (type == KERNEL_F16)
        store_u16(out, half_from_float(x));
    else if (type == KERNEL_BF16)
        store_u16(out, bf16_from_float(x));
    else
        memcpy(out, &x, sizeof x);
}

void problem__fill_weights(struct rng *r, enum problem_pattern p, const struct format *f, void *out,
                           size_t k, size_t row)
{
    unsigned char *w = out;
    size_t chunk = f->elements == 1 ? KERNEL_QK_32 : f->elements;
    size_t chunk_bytes = format_row_bytes(f, chunk), heavy = SIZE_MAX;

    if (p == PROBLEM_PROBE)
        heavy = (size_t)rng_below(r, (k + chunk - 1) / chunk);
    for (size_t j = 0; j < k; j += f->elements) {
        float scale = j / chunk == heavy ? PROBE_SCALE : 1.0f;
        unsigned char *at = w + j / f->elements * f->bytes;

        if (f->elements == 1)
            store_number(f->type, random_weight(r, p, row) * scale, at);
        else
            fill_block(r, p, f, at, row, scale);
    }
    /* The activations' chunk 2b + 1 is the negative of chunk 2b: equal weights make the sum vanish.
     */
    if (p == PROBLEM_CANCEL)
        for (size_t b = 0; b + 2 <= k / chunk; b += 2)
            memcpy(w + (b + 1) * chunk_bytes, w + b * chunk_bytes, chunk_bytes);
}
