/* SPDX-License-Identifier: Apache-2.0
 *
 * encode_plain.c: formats with nothing to search for: numbers that are rounded, Q8_0, whose codes are
 * fine enough for the peak to set the scale, and the ternary formats, whose best scale can be found
 * outright. */
#include "engine/quantize/encode_block.h"

#include "kernel/kernel.h"

#include <stdlib.h>
#include <string.h>

void encode__f32(const float *x, const float *w, unsigned char *out)
{
    (void)w;
    memcpy(out, x, sizeof *x);
}

void encode__f16(const float *x, const float *w, unsigned char *out)
{
    (void)w;
    encode__half_put(out, encode__as_half(*x));
}

void encode__bf16(const float *x, const float *w, unsigned char *out)
{
    uint16_t h = bf16_from_float(*x);

    (void)w;
    memcpy(out, &h, sizeof h);
}

/* d = amax / 127 in f16; codes are nearest under the d that the reader will see. */
void encode__q8_0(const float *x, const float *w, unsigned char *out)
{
    struct q8_0_block b;
    float amax = 0, d;

    (void)w;
    for (int i = 0; i < KERNEL_QK_32; i++)
        amax = fmaxf(amax, fabsf(x[i]));
    d = encode__as_half(amax / 127);
    b.d = half_from_float(d);
    for (int i = 0; i < KERNEL_QK_32; i++)
        b.qs[i] = d > 0 ? (int8_t)rintf(fminf(fmaxf(x[i] / d, -127), 127)) : 0;
    memcpy(out, &b, sizeof b);
}

/* --- x ~ d * (t - 1), t in 0..2 --- */

struct magnitude {
    float x, w; /* |x| */
};

static int by_falling_x(const void *a, const void *b)
{
    float x = ((const struct magnitude *)a)->x, y = ((const struct magnitude *)b)->x;

    return (x < y) - (x > y);
}

/* Under any d the weights that become +-1 are those with |x| > d / 2: the n largest for some n.
 * With these chosen the best d is their weighted mean, and takes sum(w|x|)^2 / sum(w) away. */
static float ternary_scale(const float *x, const float *w)
{
    struct magnitude m[KERNEL_QK_K];
    double sum_x = 0, sum_w = 0, best_gain = 0, best = 0;

    for (int i = 0; i < KERNEL_QK_K; i++)
        m[i] = (struct magnitude){fabsf(x[i]), w[i]};
    qsort(m, KERNEL_QK_K, sizeof *m, by_falling_x);
    for (int i = 0; i < KERNEL_QK_K; i++) {
        sum_x += (double)m[i].w * m[i].x;
        sum_w += m[i].w;
        if (sum_x * (sum_x / sum_w) > best_gain) {
            best_gain = sum_x * (sum_x / sum_w);
            best = sum_x / sum_w;
        }
    }
    return encode__as_half(best);
}

static float ternary_codes(const float *x, const float *w, uint8_t *t)
{
    float d = ternary_scale(x, w);

    for (int i = 0; i < KERNEL_QK_K; i++)
        t[i] = (uint8_t)(1 + (x[i] > d / 2) - (x[i] < -d / 2));
    return d;
}

void encode__tq2_0(const float *x, const float *w, unsigned char *out)
{
    struct tq2_0_block b;
    uint8_t t[KERNEL_QK_K];

    b.d = half_from_float(ternary_codes(x, w, t));
    encode__pairs_put(t, b.qs);
    memcpy(out, &b, sizeof b);
}

/* n <= 5 digits, `step` apart, as ceil(v * 256 / 243), v = the number that they spell, those that
 * are missing 0: multiplying by 3 then brings one digit after the other to the top. */
static uint8_t digits_byte(const uint8_t *t, int step, int n)
{
    unsigned v = 0;

    for (int i = 0; i < 5; i++)
        v = 3 * v + (i < n ? t[i * step] : 0);
    return (uint8_t)((v * 256 + 242) / 243);
}

void encode__tq1_0(const float *x, const float *w, unsigned char *out)
{
    struct tq1_0_block b;
    uint8_t t[KERNEL_QK_K];

    b.d = half_from_float(ternary_codes(x, w, t));
    for (int l = 0; l < 32; l++)
        b.qs[l] = digits_byte(t + l, 32, 5);
    for (int l = 0; l < 16; l++)
        b.qs[32 + l] = digits_byte(t + 160 + l, 16, 5);
    for (int l = 0; l < 4; l++)
        b.qh[l] = digits_byte(t + 240 + l, 4, 4);
    memcpy(out, &b, sizeof b);
}
