/* SPDX-License-Identifier: Apache-2.0
 *
 * encode_affine.c: formats of the kind x ~ scale * q - min, by least squares: Q2_K, Q4_K, Q5_K,
 * whose sub-blocks have integer scales and mins under the block's two f16 scales, and Q4_1, Q5_1,
 * one sub-block whose integers are 1. Each sub-block is fitted alone first: from several starting
 * grids, codes and the linear fit to them are improved in turn. Then its scale and min become
 * integers, and from there every step is judged by the error that a reader of the finished block
 * would see: neighbouring integers are tried with fresh codes, and the f16 scales are fitted again
 * to all codes. */
#include "engine/quantize/encode_block.h"

#include "kernel/kernel.h"

#include <stdbool.h>
#include <string.h>

struct affine_shape {
    int subs, len;           /* sub-blocks, weights in each */
    int top;                 /* largest code */
    int unit_low, unit_high; /* integer scales and mins */
    bool any_min;            /* a min may be negative */
    float first, last;       /* starting grids: the range of the weights is so many steps */
    int n_grids, n_tries;    /* starting grids; starting points of a whole block */
};

enum {
    MAX_SUBS = 16,
    MAX_LEN = 32,
    FIT_ROUNDS = 3, /* codes, then fit, per starting grid */
    REFINE_ROUNDS = 4,
};

/* More steps than `top` clip the tails, for the sake of the many near zero. */
/* clang-format off */
static const struct affine_shape
    q2_k_shape = {16, 16,  3, 0, 15, false,  1.8f,  4.6f, 15, 3},
    q4_k_shape = { 8, 32, 15, 0, 63, false, 14.0f, 16.6f,  9, 3},
    q5_k_shape = { 8, 32, 31, 0, 63, false, 29.8f, 32.6f, 14, 3},
    q4_1_shape = { 1, 32, 15, 1,  1, true,  13.4f, 16.6f, 10, 1},
    q5_1_shape = { 1, 32, 31, 1,  1, true,  29.2f, 32.6f, 10, 1};
/* clang-format on */

struct affine {
    double scale, min, error;
};

/* Weighted sums that decide a fit: of 1, q, q^2, x, x q, x^2. */
struct moments {
    double one, q, qq, x, xq, xx;
};

static struct moments moments_of(const float *x, const float *w, const uint8_t *q, int n)
{
    struct moments m = {0};

    for (int i = 0; i < n; i++) {
        double wq = (double)w[i] * q[i], wx = (double)w[i] * x[i];

        m.one += w[i];
        m.q += wq;
        m.qq += wq * q[i];
        m.x += wx;
        m.xq += wq * x[i];
        m.xx += wx * x[i];
    }
    return m;
}

/* The scale, not negative, and min that fit these codes best. */
static struct affine affine_solve(const struct affine_shape *shape, const struct moments *m)
{
    double det = m->one * m->qq - m->q * m->q;
    struct affine a;

    a.scale = det > 0 ? (m->one * m->xq - m->q * m->x) / det : 0;
    a.min = (a.scale * m->q - m->x) / m->one;
    if (a.min < 0 && !shape->any_min) {
        a.min = 0;
        a.scale = m->qq > 0 ? m->xq / m->qq : 0;
    }
    if (a.scale < 0) {
        a.scale = 0;
        a.min = shape->any_min ? -m->x / m->one : fmax(-m->x / m->one, 0);
    }
    a.error = m->xx + a.scale * a.scale * m->qq + m->one * a.min * a.min - 2 * a.scale * m->xq +
              2 * a.min * m->x - 2 * a.scale * a.min * m->q;
    return a;
}

/* Codes nearest under (scale, min); returns the weighted squared error of what they decode to. */
static float affine_codes(const struct affine_shape *shape, const float *x, const float *w,
                          float scale, float min, uint8_t *q)
{
    float inverse = scale > 0 ? 1 / scale : 0, e[MAX_LEN];
    int code[MAX_LEN];

    for (int i = 0; i < shape->len; i += 16)
        for (int j = i; j < i + 16; j++) {
            code[j] = encode__nearest((x[j] + min) * inverse, shape->top);
            e[j] = x[j] - (scale * (float)code[j] - min);
        }
    for (int i = 0; i < shape->len; i++)
        q[i] = (uint8_t)code[i];
    return encode__weighted_squares(e, w, shape->len);
}

/* The best fit of one sub-block, its scale and min still real numbers. */
static struct affine affine_fit(const struct affine_shape *shape, const float *x, const float *w)
{
    float low = shape->any_min ? x[0] : fminf(x[0], 0), high = x[0];
    uint8_t q[MAX_LEN] = {0};
    struct moments m = moments_of(x, w, q, shape->len);
    struct affine best = affine_solve(shape, &m), a;

    for (int i = 0; i < shape->len; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    if (!(high > low))
        return best;
    for (int g = 0; g < shape->n_grids; g++) {
        double steps = shape->first + (shape->last - shape->first) * g / (shape->n_grids - 1);

        a = (struct affine){.scale = (high - low) / steps, .min = -low};
        for (int round = 0; round < FIT_ROUNDS; round++) {
            double before = a.scale;

            affine_codes(shape, x, w, (float)a.scale, (float)a.min, q);
            m = moments_of(x, w, q, shape->len);
            a = affine_solve(shape, &m);
            if (a.error < best.error)
                best = a;
            if (a.scale == before)
                break;
        }
    }
    return best;
}

struct affine_block {
    float d, dmin;           /* as f16 holds them */
    uint8_t scale[MAX_SUBS]; /* integers of the sub-blocks */
    uint8_t min[MAX_SUBS];
    uint8_t q[ENCODE_MAX_BLOCK];
    double error;
};

/* What is being encoded. */
struct affine_source {
    const struct affine_shape *shape;
    const float *x, *w; /* of the whole block */
};

/* The integer nearest to value / unit that the shape has. */
static int unit_nearest(const struct affine_shape *shape, double value, float unit)
{
    int n = encode__nearest((float)(unit != 0 ? value / unit : 0), shape->unit_high);

    return n > shape->unit_low ? n : shape->unit_low;
}

/* Integer scale and min of sub-block s near (scale, min), and its codes; returns their error. */
static float affine_sub_round(const struct affine_source *in, struct affine_block *b, int s,
                              double scale, double min)
{
    const struct affine_shape *shape = in->shape;
    int sc = unit_nearest(shape, scale, b->d), mn = unit_nearest(shape, min, b->dmin);
    float best = INFINITY, error;
    uint8_t q[MAX_LEN];

    for (int i = sc - 1; i <= sc + 1; i++)
        for (int j = mn - 1; j <= mn + 1; j++) {
            if (i < shape->unit_low || i > shape->unit_high || j < shape->unit_low ||
                j > shape->unit_high)
                continue;
            error = affine_codes(shape, in->x + s * shape->len, in->w + s * shape->len,
                                 b->d * (float)i, b->dmin * (float)j, q);
            if (!(error < best))
                continue;
            best = error;
            b->scale[s] = (uint8_t)i;
            b->min[s] = (uint8_t)j;
            memcpy(b->q + s * shape->len, q, (size_t)shape->len);
        }
    return best;
}

/* d and dmin that fit all codes of the block best. */
static void affine_super_solve(const struct affine_source *in, const struct affine_block *b,
                               double *d, double *dmin)
{
    const struct affine_shape *shape = in->shape;
    double saa = 0, sab = 0, sbb = 0, sxa = 0, sxb = 0, det;

    for (int i = 0; i < shape->subs * shape->len; i++) {
        double a = b->scale[i / shape->len] * b->q[i], m = b->min[i / shape->len];
        double wa = in->w[i] * a, wm = in->w[i] * m;

        saa += wa * a;
        sab += wa * m;
        sbb += wm * m;
        sxa += in->x[i] * wa;
        sxb += in->x[i] * wm;
    }
    det = saa * sbb - sab * sab;
    if (det > 0) {
        *d = (sxa * sbb - sxb * sab) / det;
        *dmin = (sxa * sab - sxb * saa) / det;
    } else {
        *d = saa > 0 ? sxa / saa : 0;
        *dmin = saa > 0 || !(sbb > 0) ? 0 : -sxb / sbb;
    }
    *d = fmax(*d, 0);
    if (!shape->any_min)
        *dmin = fmax(*dmin, 0);
}

/* All sub-blocks near the real scales and mins of `fits`, under d and dmin as f16 holds them. */
static void affine_block_round(const struct affine_source *in, const struct affine *fits, double d,
                               double dmin, struct affine_block *b)
{
    b->d = encode__as_half(d);
    b->dmin = encode__as_half(dmin);
    b->error = 0;
    for (int s = 0; s < in->shape->subs; s++)
        b->error += affine_sub_round(in, b, s, fits[s].scale, fits[s].min);
}

/* Improve on one starting point as long as it helps; keep the result when it is the best. */
static void affine_block_try(const struct affine_source *in, const struct affine *fits, double d,
                             double dmin, struct affine_block *best)
{
    struct affine_block b = {0}, next = {0};

    affine_block_round(in, fits, d, dmin, &b);
    for (int round = 0; round < REFINE_ROUNDS; round++) {
        struct affine now[MAX_SUBS];

        for (int s = 0; s < in->shape->subs; s++)
            now[s] = (struct affine){.scale = (double)b.scale[s] * b.d,
                                     .min = (double)b.min[s] * b.dmin};
        affine_super_solve(in, &b, &d, &dmin);
        affine_block_round(in, now, d, dmin, &next);
        if (!(next.error < b.error))
            break;
        b = next;
    }
    if (b.error < best->error)
        *best = b;
}

static void affine_encode(const struct affine_shape *shape, const float *x, const float *w,
                          struct affine_block *best)
{
    const struct affine_source in = {shape, x, w};
    struct affine fits[MAX_SUBS];
    double scale_max = 0, min_max = 0;

    for (int s = 0; s < shape->subs; s++) {
        fits[s] = affine_fit(shape, x + s * shape->len, w + s * shape->len);
        scale_max = fmax(scale_max, fits[s].scale);
        if (fabs(fits[s].min) > fabs(min_max))
            min_max = fits[s].min;
    }
    memset(best, 0, sizeof *best);
    best->error = INFINITY;
    /* The largest become unit_high, or a little less so that the others fall otherwise. */
    for (int t = 0; t < shape->n_tries; t++) {
        double units = shape->unit_high * (1 - 0.045 * t);

        affine_block_try(&in, fits, scale_max / units, min_max / units, best);
    }
}

/* --- layouts (kernel.h) --- */

void encode__q4_1(const float *x, const float *w, unsigned char *out)
{
    struct affine_block b;

    affine_encode(&q4_1_shape, x, w, &b);
    encode__half_put(out, b.d);
    encode__half_put(out + 2, -b.dmin);
    encode__nibbles_put(b.q, out + 4);
}

void encode__q5_1(const float *x, const float *w, unsigned char *out)
{
    struct affine_block b;

    affine_encode(&q5_1_shape, x, w, &b);
    encode__half_put(out, b.d);
    encode__half_put(out + 2, -b.dmin);
    encode__fifth_bits_put(b.q, out + 4);
    encode__nibbles_put(b.q, out + 8);
}

void encode__q2_k(const float *x, const float *w, unsigned char *out)
{
    struct q2_k_block block = {0};
    struct affine_block b;

    affine_encode(&q2_k_shape, x, w, &b);
    for (int s = 0; s < 16; s++)
        block.scales[s] = (uint8_t)(b.scale[s] | b.min[s] << 4);
    encode__pairs_put(b.q, block.qs);
    block.d = half_from_float(b.d);
    block.dmin = half_from_float(b.dmin);
    memcpy(out, &block, sizeof block);
}

/* The twelve bytes of 6-bit scales and mins. */
static void affine_scales_put(const struct affine_block *b, uint8_t out[12])
{
    for (int s = 0; s < 4; s++) {
        out[s] = (uint8_t)(b->scale[s] | (b->scale[s + 4] >> 4) << 6);
        out[s + 4] = (uint8_t)(b->min[s] | (b->min[s + 4] >> 4) << 6);
        out[s + 8] = (uint8_t)((b->scale[s + 4] & 15) | (b->min[s + 4] & 15) << 4);
    }
}

static void affine_nibbles_put(const struct affine_block *b, uint8_t out[128])
{
    for (int p = 0; p < 4; p++)
        for (int l = 0; l < 32; l++)
            out[32 * p + l] =
                (uint8_t)((b->q[64 * p + l] & 15) | (b->q[64 * p + 32 + l] & 15) << 4);
}

void encode__q4_k(const float *x, const float *w, unsigned char *out)
{
    struct q4_k_block block;
    struct affine_block b;

    affine_encode(&q4_k_shape, x, w, &b);
    block.d = half_from_float(b.d);
    block.dmin = half_from_float(b.dmin);
    affine_scales_put(&b, block.scales);
    affine_nibbles_put(&b, block.qs);
    memcpy(out, &block, sizeof block);
}

void encode__q5_k(const float *x, const float *w, unsigned char *out)
{
    struct q5_k_block block = {0};
    struct affine_block b;

    affine_encode(&q5_k_shape, x, w, &b);
    block.d = half_from_float(b.d);
    block.dmin = half_from_float(b.dmin);
    affine_scales_put(&b, block.scales);
    for (int i = 0; i < KERNEL_QK_K; i++)
        block.qh[i % 32] |= (uint8_t)((b.q[i] >> 4) << i / 32);
    affine_nibbles_put(&b, block.qs);
    memcpy(out, &block, sizeof block);
}
