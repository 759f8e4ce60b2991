/* SPDX-License-Identifier: Apache-2.0
 *
 * weights.c: quantised and plain weights that follow a pattern. */
#include "reference/inference/inference.h"

#include "reference/base/half.h"

#include <string.h>

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

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
    float x = problem_normal(r) * 0.05f;

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

void inference__fill_weights(struct rng *r, enum problem_pattern p, const struct format *f,
                             void *out, size_t k, size_t row)
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
