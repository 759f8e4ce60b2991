/* SPDX-License-Identifier: Apache-2.0
 *
 * encode_kquant.c: Q4_K, Q5_K and Q6_K by least squares. Each sub-block is fitted alone first:
 * from several starting grids, codes and the linear fit to them are improved in turn. Then the
 * scales are rounded to their own integers under the super-block's f16 scale, and from there every
 * step is judged by the error that a reader of the finished block would see: neighbouring integer
 * scales are tried with fresh codes, and the super-block's scale is fitted again to all codes. */
#include "engine/quantize/encode.h"

#include "kernel/kernel.h"
#include "reference/base/half.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    QK = KERNEL_QK_K,
    AFFINE_SUBS = 8, /* sub-blocks of Q4_K and Q5_K */
    AFFINE_LEN = 32,
    LINEAR_SUBS = 16, /* of Q6_K */
    LINEAR_LEN = 16,
    FIT_ROUNDS = 2, /* codes, then fit, per starting grid */
    REFINE_ROUNDS = 3,
};

/* Past what any of the formats holds; squares stay finite in f32. */
#define LARGEST 3e8f

static void clamp_block(const float *x, float *out)
{
    for (int i = 0; i < QK; i++)
        out[i] = fminf(fmaxf(x[i], -LARGEST), LARGEST);
}

/* v to the nearest integer of 0..top; 0 for NaN. Without branches, so that loops of it vectorise.
 */
static inline int nearest(float v, int top)
{
    v = v > 0 ? v : 0;
    v = v < (float)top ? v : (float)top;
    return (int)(v + 0.5f);
}

/* Sum of squares, n a multiple of 4: four chains, because one waits for every addition. */
static inline float sum_squares(const float *e, int n)
{
    float s[4] = {0};

    for (int i = 0; i < n; i += 4)
        for (int j = 0; j < 4; j++)
            s[j] += e[i + j] * e[i + j];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

/* d as the f16 the block will hold, never an infinity. */
static float as_half(double d)
{
    return half_to_float(half_from_float((float)fmin(fmax(d, -65504), 65504)));
}

/* --- Q4_K and Q5_K: x ~ scale * q - min, q in 0..top --- */

struct affine {
    double scale, min, error;
};

/* The scale and min, neither negative, that fit these codes best. */
static struct affine affine_solve(const float *x, const uint8_t *q)
{
    double n = AFFINE_LEN, sq = 0, sqq = 0, sx = 0, sxq = 0, sxx = 0, det;
    struct affine a;

    for (int i = 0; i < AFFINE_LEN; i++) {
        sq += q[i];
        sqq += q[i] * q[i];
        sx += x[i];
        sxq += (double)x[i] * q[i];
        sxx += (double)x[i] * x[i];
    }
    det = n * sqq - sq * sq;
    a.scale = det > 0 ? (n * sxq - sq * sx) / det : 0;
    a.min = (a.scale * sq - sx) / n;
    if (a.min < 0) {
        a.min = 0;
        a.scale = sqq > 0 ? sxq / sqq : 0;
    }
    if (a.scale < 0) {
        a.scale = 0;
        a.min = fmax(-sx / n, 0);
    }
    a.error = sxx + a.scale * a.scale * sqq + n * a.min * a.min - 2 * a.scale * sxq +
              2 * a.min * sx - 2 * a.scale * a.min * sq;
    return a;
}

/* Codes nearest under (scale, min); returns the squared error of what they decode to. */
static float affine_codes(const float *x, float scale, float min, int top, uint8_t *q)
{
    float inverse = scale > 0 ? 1 / scale : 0, e[AFFINE_LEN];
    int code[AFFINE_LEN];

    for (int i = 0; i < AFFINE_LEN; i++) {
        code[i] = nearest((x[i] + min) * inverse, top);
        e[i] = x[i] - (scale * (float)code[i] - min);
    }
    for (int i = 0; i < AFFINE_LEN; i++)
        q[i] = (uint8_t)code[i];
    return sum_squares(e, AFFINE_LEN);
}

/* The best fit of one sub-block, its scale and min still real numbers. */
static struct affine affine_fit(const float *x, int top)
{
    float low = 0, high = x[0];
    struct affine best, a;
    uint8_t q[AFFINE_LEN] = {0};

    for (int i = 0; i < AFFINE_LEN; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    best = affine_solve(x, q);
    if (!(high > low))
        return best;
    /* Grids whose step is the range over top - 1.6 .. top + 1: a finer one gives up the tails. */
    for (int step = -8; step <= 5; step++) {
        a = (struct affine){.scale = (high - low) / (top - 0.2 * step), .min = -low};
        for (int round = 0; round < FIT_ROUNDS; round++) {
            affine_codes(x, (float)a.scale, (float)a.min, top, q);
            a = affine_solve(x, q);
            if (a.error < best.error)
                best = a;
        }
    }
    return best;
}

struct affine_block {
    float d, dmin;              /* as f16 holds them */
    uint8_t scale[AFFINE_SUBS]; /* 0..63 */
    uint8_t min[AFFINE_SUBS];   /* 0..63 */
    uint8_t q[QK];
    float sub_error[AFFINE_SUBS];
    double error;
};

/* Integer scale and min of sub-block s near (scale, min) in units of d and dmin, and its codes. */
static void affine_sub_round(const float *x, struct affine_block *b, int s, double scale,
                             double min, int top)
{
    int sc = nearest((float)(b->d > 0 ? scale / b->d : 0), 63);
    int mn = nearest((float)(b->dmin > 0 ? min / b->dmin : 0), 63);
    uint8_t q[AFFINE_LEN];

    b->sub_error[s] = INFINITY;
    for (int i = sc - 1; i <= sc + 1; i++)
        for (int j = mn - 1; j <= mn + 1; j++) {
            float error;

            if (i < 0 || i > 63 || j < 0 || j > 63)
                continue;
            error = affine_codes(x, b->d * (float)i, b->dmin * (float)j, top, q);
            if (error >= b->sub_error[s])
                continue;
            b->sub_error[s] = error;
            b->scale[s] = (uint8_t)i;
            b->min[s] = (uint8_t)j;
            memcpy(b->q + s * AFFINE_LEN, q, sizeof q);
        }
}

static void affine_block_sum(struct affine_block *b)
{
    b->error = 0;
    for (int s = 0; s < AFFINE_SUBS; s++)
        b->error += b->sub_error[s];
}

/* d and dmin that fit all codes of the block best. */
static void affine_super_solve(const float *x, const struct affine_block *b, double *d,
                               double *dmin)
{
    double saa = 0, sab = 0, sbb = 0, sxa = 0, sxb = 0, det;

    for (int i = 0; i < QK; i++) {
        double a = b->scale[i / AFFINE_LEN] * b->q[i], m = b->min[i / AFFINE_LEN];

        saa += a * a;
        sab += a * m;
        sbb += m * m;
        sxa += x[i] * a;
        sxb += x[i] * m;
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
    *dmin = fmax(*dmin, 0);
}

/* One starting point: the largest scale becomes `steps` units of d. */
static void affine_block_try(const float *x, const struct affine *fits, int top, double d,
                             double dmin, struct affine_block *best)
{
    struct affine_block b;

    b.d = as_half(d);
    b.dmin = as_half(dmin);
    for (int s = 0; s < AFFINE_SUBS; s++)
        affine_sub_round(x + s * AFFINE_LEN, &b, s, fits[s].scale, fits[s].min, top);
    affine_block_sum(&b);
    for (int round = 0; round < REFINE_ROUNDS; round++) {
        struct affine_block next = b;

        affine_super_solve(x, &b, &d, &dmin);
        next.d = as_half(d);
        next.dmin = as_half(dmin);
        for (int s = 0; s < AFFINE_SUBS; s++)
            affine_sub_round(x + s * AFFINE_LEN, &next, s, (double)b.scale[s] * b.d,
                             (double)b.min[s] * b.dmin, top);
        affine_block_sum(&next);
        if (next.error >= b.error)
            break;
        b = next;
    }
    if (b.error < best->error)
        *best = b;
}

static void affine_block_encode(const float *raw, int top, struct affine_block *best)
{
    struct affine fits[AFFINE_SUBS];
    double scale_max = 0, min_max = 0;
    float x[QK];

    clamp_block(raw, x);
    for (int s = 0; s < AFFINE_SUBS; s++) {
        fits[s] = affine_fit(x + s * AFFINE_LEN, top);
        scale_max = fmax(scale_max, fits[s].scale);
        min_max = fmax(min_max, fits[s].min);
    }
    memset(best, 0, sizeof *best);
    best->error = INFINITY;
    for (int steps = 63; steps >= 57; steps -= 3)
        affine_block_try(x, fits, top, scale_max / steps, min_max / steps, best);
}

/* The twelve bytes of 6-bit scales and mins (layout: kernel.h). */
static void affine_scales_put(const struct affine_block *b, uint8_t out[12])
{
    for (int s = 0; s < 4; s++) {
        out[s] = (uint8_t)(b->scale[s] | (b->scale[s + 4] >> 4) << 6);
        out[s + 4] = (uint8_t)(b->min[s] | (b->min[s + 4] >> 4) << 6);
        out[s + 8] = (uint8_t)((b->scale[s + 4] & 15) | (b->min[s + 4] & 15) << 4);
    }
}

void encode__q4_k(const float *x, struct q4_k_block *out)
{
    struct affine_block b;

    affine_block_encode(x, 15, &b);
    out->d = half_from_float(b.d);
    out->dmin = half_from_float(b.dmin);
    affine_scales_put(&b, out->scales);
    for (int p = 0; p < 4; p++)
        for (int l = 0; l < 32; l++)
            out->qs[32 * p + l] = (uint8_t)(b.q[64 * p + l] | b.q[64 * p + 32 + l] << 4);
}

void encode__q5_k(const float *x, struct q5_k_block *out)
{
    struct affine_block b;

    affine_block_encode(x, 31, &b);
    out->d = half_from_float(b.d);
    out->dmin = half_from_float(b.dmin);
    affine_scales_put(&b, out->scales);
    memset(out->qh, 0, sizeof out->qh);
    for (int i = 0; i < QK; i++)
        out->qh[i % 32] |= (uint8_t)((b.q[i] >> 4) << i / 32);
    for (int p = 0; p < 4; p++)
        for (int l = 0; l < 32; l++)
            out->qs[32 * p + l] =
                (uint8_t)((b.q[64 * p + l] & 15) | (b.q[64 * p + 32 + l] & 15) << 4);
}

/* --- Q6_K: x ~ scale * q, q in -32..31 --- */

/* Codes q + 32 nearest under `scale` (of either sign); returns their squared error. */
static float linear_codes(const float *x, float scale, uint8_t *q)
{
    float inverse = scale != 0 ? 1 / scale : 0, e[LINEAR_LEN];
    int code[LINEAR_LEN];

    for (int i = 0; i < LINEAR_LEN; i++) {
        code[i] = nearest(x[i] * inverse + 32, 63);
        e[i] = x[i] - scale * (float)(code[i] - 32);
    }
    for (int i = 0; i < LINEAR_LEN; i++)
        q[i] = (uint8_t)code[i];
    return sum_squares(e, LINEAR_LEN);
}

/* The scale of one sub-block, a real number: the one whose fit takes most of sum x^2 away. */
static double linear_fit(const float *x)
{
    double best_gain = 0, best = 0;
    float peak = 0;

    for (int i = 0; i < LINEAR_LEN; i++)
        if (fabsf(x[i]) > fabsf(peak))
            peak = x[i];
    if (peak == 0)
        return 0;
    /* The peak lands on code -30.4 .. -33.2 or, with the other sign, 29.4 .. 32.2. */
    for (int step = -4; step <= 3; step++)
        for (int side = 0; side < 2; side++) {
            double scale = peak / (side ? 31 + 0.4 * step : -32 - 0.4 * step);

            for (int round = 0; round < FIT_ROUNDS; round++) {
                double sxq = 0, sqq = 0;
                uint8_t q[LINEAR_LEN];

                linear_codes(x, (float)scale, q);
                for (int i = 0; i < LINEAR_LEN; i++) {
                    sxq += (double)x[i] * (q[i] - 32);
                    sqq += (q[i] - 32) * (q[i] - 32);
                }
                if (!(sqq > 0))
                    break;
                scale = sxq / sqq;
                if (sxq * scale > best_gain) {
                    best_gain = sxq * scale;
                    best = scale;
                }
            }
        }
    return best;
}

struct linear_block {
    float d; /* as f16 holds it */
    int8_t scale[LINEAR_SUBS];
    uint8_t q[QK];
    double error;
};

/* Integer scales near scales[s] in units of d, and all codes. */
static void linear_block_round(const float *x, const double *scales, struct linear_block *b)
{
    b->error = 0;
    for (int s = 0; s < LINEAR_SUBS; s++) {
        double unit = b->d != 0 ? rint(fmin(fmax(scales[s] / b->d, -128), 127)) : 0;
        float best = INFINITY;
        uint8_t q[LINEAR_LEN];

        for (int i = (int)unit - 1; i <= (int)unit + 1; i++) {
            float error;

            if (i < -128 || i > 127)
                continue;
            error = linear_codes(x + s * LINEAR_LEN, b->d * (float)i, q);
            if (error >= best)
                continue;
            best = error;
            b->scale[s] = (int8_t)i;
            memcpy(b->q + s * LINEAR_LEN, q, sizeof q);
        }
        b->error += best;
    }
}

static double linear_super_solve(const float *x, const struct linear_block *b)
{
    double saa = 0, sxa = 0;

    for (int i = 0; i < QK; i++) {
        double a = b->scale[i / LINEAR_LEN] * (b->q[i] - 32);

        saa += a * a;
        sxa += x[i] * a;
    }
    return saa > 0 ? sxa / saa : 0;
}

static void linear_block_try(const float *x, const double *fits, double d,
                             struct linear_block *best)
{
    struct linear_block b;

    b.d = as_half(d);
    linear_block_round(x, fits, &b);
    for (int round = 0; round < REFINE_ROUNDS; round++) {
        struct linear_block next;
        double scales[LINEAR_SUBS];

        for (int s = 0; s < LINEAR_SUBS; s++)
            scales[s] = (double)b.scale[s] * b.d;
        next.d = as_half(linear_super_solve(x, &b));
        linear_block_round(x, scales, &next);
        if (next.error >= b.error)
            break;
        b = next;
    }
    if (b.error < best->error)
        *best = b;
}

static void linear_block_encode(const float *raw, struct linear_block *best)
{
    double fits[LINEAR_SUBS], peak = 0;
    float x[QK];

    clamp_block(raw, x);
    for (int s = 0; s < LINEAR_SUBS; s++) {
        fits[s] = linear_fit(x + s * LINEAR_LEN);
        if (fabs(fits[s]) > fabs(peak))
            peak = fits[s];
    }
    memset(best, 0, sizeof *best);
    best->error = INFINITY;
    for (int steps = 128; steps >= 116; steps -= 4)
        linear_block_try(x, fits, peak / -steps, best);
}

void encode__q6_k(const float *x, struct q6_k_block *out)
{
    struct linear_block b;

    linear_block_encode(x, &b);
    out->d = half_from_float(b.d);
    memcpy(out->scales, b.scale, sizeof out->scales);
    for (int h = 0; h < 2; h++)
        for (int l = 0; l < 32; l++) {
            const uint8_t *q = b.q + 128 * h + l;

            out->ql[64 * h + l] = (uint8_t)((q[0] & 15) | (q[64] & 15) << 4);
            out->ql[64 * h + 32 + l] = (uint8_t)((q[32] & 15) | (q[96] & 15) << 4);
            out->qh[32 * h + l] =
                (uint8_t)(q[0] >> 4 | (q[32] >> 4) << 2 | (q[64] >> 4) << 4 | (q[96] >> 4) << 6);
        }
}
