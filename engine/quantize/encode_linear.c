/* SPDX-License-Identifier: Apache-2.0
 *
 * encode_linear.c: formats of the kind x ~ scale * value[q], by least squares: Q3_K, Q6_K, IQ4_XS,
 * whose sub-blocks have integer scales under the block's f16 scale, and Q4_0, Q5_0, IQ4_NL, one
 * sub-block whose integer is 1. Each sub-block is fitted alone first: from several starting scales,
 * codes and the linear fit to them are improved in turn. Then its scale becomes an integer, and from
 * there every step is judged by the error that a reader of the finished block would see:
 * neighbouring integers are tried with fresh codes, and the f16 scale is fitted again to all codes. */
#include "engine/quantize/encode_block.h"

#include "kernel/kernel.h"

#include <stdbool.h>
#include <string.h>

struct linear_shape {
    int subs, len;           /* sub-blocks, weights in each */
    int low, high;           /* value of the lowest and the highest code */
    const float *values;     /* of every code, rising; NULL: low, low + 1, ... */
    int unit_low, unit_high; /* integer scales */
    float spread;            /* the largest weight starts at the outer codes times 1 -+ this */
    int n_grids, n_tries;    /* starting scales of each sign; starting points of a whole block */
};

enum {
    MAX_SUBS = 16,
    MAX_LEN = 32,
    N_VALUES = 16, /* of the formats that have a table of them */
    FIT_ROUNDS = 2,
    REFINE_ROUNDS = 4,
};

static const float iq4_values[N_VALUES] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                           1,    13,   25,  38,  53,  69,  89,  113};

/* clang-format off */
static const struct linear_shape
    q3_k_shape   = {16, 16,   -4,   3, NULL,        -32,  31, 0.3f,  8, 3},
    q6_k_shape   = {16, 16,  -32,  31, NULL,       -128, 127, 0.05f, 6, 3},
    iq4_xs_shape = { 8, 32, -127, 113, iq4_values,  -32,  31, 0.2f,  6, 2},
    iq4_nl_shape = { 1, 32, -127, 113, iq4_values,    1,   1, 0.25f, 9, 1},
    q4_0_shape   = { 1, 32,   -8,   7, NULL,          1,   1, 0.2f,  9, 1},
    q5_0_shape   = { 1, 32,  -16,  15, NULL,          1,   1, 0.1f,  9, 1};
/* clang-format on */

/* Codes of 16 weights x * inverse and their values: one step up the table for every midpoint between
 * two values that is passed. */
static void table_codes(const float *table, const float *restrict x, float inverse,
                        int *restrict code, float *restrict value)
{
    for (int j = 0; j < 16; j++) {
        code[j] = 0;
        value[j] = table[0];
    }
    for (int i = 0; i + 1 < N_VALUES; i++) {
        float middle = 0.5f * (table[i] + table[i + 1]);

        for (int j = 0; j < 16; j++) {
            bool above = x[j] * inverse > middle;

            code[j] += above;
            value[j] = above ? table[i + 1] : value[j];
        }
    }
}

static void even_codes(const struct linear_shape *shape, const float *restrict x, float inverse,
                       int *restrict code, float *restrict value)
{
    float low = (float)shape->low;

    for (int j = 0; j < 16; j++) {
        code[j] = encode__nearest(x[j] * inverse - low, shape->high - shape->low);
        value[j] = (float)code[j] + low;
    }
}

/* Codes nearest under `scale` (of either sign) and their values; returns the weighted squared error
 * of what they decode to. */
static float linear_codes(const struct linear_shape *shape, const float *x, const float *w,
                          float scale, int *code, float *value)
{
    float inverse = scale != 0 ? 1 / scale : 0, e[MAX_LEN];

    for (int i = 0; i < shape->len; i += 16) {
        if (shape->values)
            table_codes(shape->values, x + i, inverse, code + i, value + i);
        else
            even_codes(shape, x + i, inverse, code + i, value + i);
        for (int j = i; j < i + 16; j++)
            e[j] = x[j] - scale * value[j];
    }
    return encode__weighted_squares(e, w, shape->len);
}

/* sum w x v and sum w v^2 */
static void linear_moments(const float *x, const float *w, const float *v, int n, double *xv,
                           double *vv)
{
    float sx[16] = {0}, sv[16] = {0};

    for (int i = 0; i < n; i += 16)
        for (int j = 0; j < 16; j++) {
            float wv = w[i + j] * v[i + j];

            sx[j] += wv * x[i + j];
            sv[j] += wv * v[i + j];
        }
    for (int j = 0; j < 16; j++) {
        *xv += (double)sx[j];
        *vv += (double)sv[j];
    }
}

/* The scale of one sub-block, a real number: the one whose fit takes most of sum w x^2 away. */
static double linear_fit(const struct linear_shape *shape, const float *x, const float *w)
{
    double best_gain = 0, best = 0;
    float peak = 0;

    for (int i = 0; i < shape->len; i++)
        if (fabsf(x[i]) > fabsf(peak))
            peak = x[i];
    for (int g = 0; peak != 0 && g < 2 * shape->n_grids; g++) {
        double at = 1 + shape->spread * (2.0 * (g / 2) / (shape->n_grids - 1) - 1);
        double scale = peak / ((g % 2 ? shape->high : shape->low) * at);

        for (int round = 0; round < FIT_ROUNDS; round++) {
            double xv = 0, vv = 0, before = scale;
            float value[MAX_LEN];
            int code[MAX_LEN];

            linear_codes(shape, x, w, (float)scale, code, value);
            linear_moments(x, w, value, shape->len, &xv, &vv);
            if (!(vv > 0))
                break;
            scale = xv / vv;
            if (xv * scale > best_gain) {
                best_gain = xv * scale;
                best = scale;
            }
            if (scale == before)
                break;
        }
    }
    return best;
}

struct linear_block {
    float d; /* as f16 holds it */
    int16_t scale[MAX_SUBS];
    uint8_t q[ENCODE_MAX_BLOCK];
    float values[ENCODE_MAX_BLOCK];
    double error;
};

/* What is being encoded. */
struct linear_source {
    const struct linear_shape *shape;
    const float *x, *w; /* of the whole block */
};

/* Integer scale of sub-block s near `scale` in units of d, and its codes; returns their error. */
static float linear_sub_round(const struct linear_source *in, struct linear_block *b, int s,
                              double scale)
{
    const struct linear_shape *shape = in->shape;
    double low = shape->unit_low, high = shape->unit_high;
    int unit = (int)rint(fmin(fmax(b->d != 0 ? scale / b->d : 0, low), high));
    float best = INFINITY, value[MAX_LEN], error;
    int code[MAX_LEN];

    for (int i = unit - 1; i <= unit + 1; i++) {
        if (i < shape->unit_low || i > shape->unit_high)
            continue;
        error = linear_codes(shape, in->x + s * shape->len, in->w + s * shape->len, b->d * (float)i,
                             code, value);
        if (!(error < best))
            continue;
        best = error;
        b->scale[s] = (int16_t)i;
        for (int j = 0; j < shape->len; j++)
            b->q[s * shape->len + j] = (uint8_t)code[j];
        memcpy(b->values + s * shape->len, value, (size_t)shape->len * sizeof *value);
    }
    return best;
}

static void linear_block_round(const struct linear_source *in, const double *scales, double d,
                               struct linear_block *b)
{
    b->d = encode__as_half(d);
    b->error = 0;
    for (int s = 0; s < in->shape->subs; s++)
        b->error += linear_sub_round(in, b, s, scales[s]);
}

/* d that fits all codes of the block best. */
static double linear_super_solve(const struct linear_source *in, const struct linear_block *b)
{
    double saa = 0, sxa = 0;
    int len = in->shape->len;

    for (int s = 0; s < in->shape->subs; s++) {
        double xv = 0, vv = 0;

        linear_moments(in->x + s * len, in->w + s * len, b->values + s * len, len, &xv, &vv);
        saa += (double)b->scale[s] * b->scale[s] * vv;
        sxa += b->scale[s] * xv;
    }
    return saa > 0 ? sxa / saa : 0;
}

/* Improve on one starting point as long as it helps; keep the result when it is the best. */
static void linear_block_try(const struct linear_source *in, const double *fits, double d,
                             struct linear_block *best)
{
    struct linear_block b = {0}, next = {0};

    linear_block_round(in, fits, d, &b);
    for (int round = 0; round < REFINE_ROUNDS; round++) {
        double scales[MAX_SUBS];

        for (int s = 0; s < in->shape->subs; s++)
            scales[s] = (double)b.scale[s] * b.d;
        linear_block_round(in, scales, linear_super_solve(in, &b), &next);
        if (!(next.error < b.error))
            break;
        b = next;
    }
    if (b.error < best->error)
        *best = b;
}

static void linear_encode(const struct linear_shape *shape, const float *x, const float *w,
                          struct linear_block *best)
{
    const struct linear_source in = {shape, x, w};
    double fits[MAX_SUBS], peak = 0;
    /* The integer of the largest magnitude takes the largest scale, whatever the sign. */
    double most = shape->unit_low < 0 ? shape->unit_low : shape->unit_high;

    for (int s = 0; s < shape->subs; s++) {
        fits[s] = linear_fit(shape, x + s * shape->len, w + s * shape->len);
        if (fabs(fits[s]) > fabs(peak))
            peak = fits[s];
    }
    memset(best, 0, sizeof *best);
    best->error = INFINITY;
    for (int t = 0; t < shape->n_tries; t++)
        linear_block_try(&in, fits, peak / (most * (1 - 0.03 * t)), best);
}

/* --- layouts (kernel.h) --- */

static void nibble_block_put(const struct linear_shape *shape, const float *x, const float *w,
                             unsigned char *out)
{
    struct linear_block b;

    linear_encode(shape, x, w, &b);
    encode__half_put(out, b.d);
    encode__nibbles_put(b.q, out + 2);
}

void encode__q4_0(const float *x, const float *w, unsigned char *out)
{
    nibble_block_put(&q4_0_shape, x, w, out);
}

void encode__iq4_nl(const float *x, const float *w, unsigned char *out)
{
    nibble_block_put(&iq4_nl_shape, x, w, out);
}

void encode__q5_0(const float *x, const float *w, unsigned char *out)
{
    struct linear_block b;

    linear_encode(&q5_0_shape, x, w, &b);
    encode__half_put(out, b.d);
    encode__fifth_bits_put(b.q, out + 2);
    encode__nibbles_put(b.q, out + 6);
}

void encode__q3_k(const float *x, const float *w, unsigned char *out)
{
    struct q3_k_block block = {0};
    struct linear_block b;

    linear_encode(&q3_k_shape, x, w, &b);
    encode__pairs_put(b.q, block.qs);
    for (int j = 0; j < KERNEL_QK_K; j++)
        block.hmask[j % 32] |= (uint8_t)((b.q[j] >> 2) << j / 32);
    for (int s = 0; s < 16; s++) {
        int scale = b.scale[s] + 32;

        block.scales[s % 8] |= (uint8_t)((scale & 15) << 4 * (s / 8));
        block.scales[8 + s % 4] |= (uint8_t)((scale >> 4) << 2 * (s / 4));
    }
    block.d = half_from_float(b.d);
    memcpy(out, &block, sizeof block);
}

void encode__q6_k(const float *x, const float *w, unsigned char *out)
{
    struct q6_k_block block;
    struct linear_block b;

    linear_encode(&q6_k_shape, x, w, &b);
    block.d = half_from_float(b.d);
    for (int s = 0; s < 16; s++)
        block.scales[s] = (int8_t)b.scale[s];
    for (int h = 0; h < 2; h++)
        for (int l = 0; l < 32; l++) {
            const uint8_t *q = b.q + 128 * h + l;

            block.ql[64 * h + l] = (uint8_t)((q[0] & 15) | (q[64] & 15) << 4);
            block.ql[64 * h + 32 + l] = (uint8_t)((q[32] & 15) | (q[96] & 15) << 4);
            block.qh[32 * h + l] =
                (uint8_t)(q[0] >> 4 | (q[32] >> 4) << 2 | (q[64] >> 4) << 4 | (q[96] >> 4) << 6);
        }
    memcpy(out, &block, sizeof block);
}

void encode__iq4_xs(const float *x, const float *w, unsigned char *out)
{
    struct iq4_xs_block block = {0};
    struct linear_block b;

    linear_encode(&iq4_xs_shape, x, w, &b);
    block.d = half_from_float(b.d);
    for (int s = 0; s < 8; s++) {
        int scale = b.scale[s] + 32;

        block.scales_l[s / 2] |= (uint8_t)((scale & 15) << 4 * (s % 2));
        block.scales_h |= (uint16_t)((scale >> 4) << 2 * s);
        encode__nibbles_put(b.q + 32 * s, block.qs + 16 * s);
    }
    memcpy(out, &block, sizeof block);
}
