/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/formats.h"

#include "reference/base/half.h"

#include <assert.h>
#include <string.h>

enum { FORMAT_MAX_BLOCK_BYTES = sizeof(struct q8_k_block) };

static uint16_t load_u16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static float load_f16(const unsigned char *p)
{
    return half_to_float(load_u16(p));
}

/* --- plain numbers --- */

static void f32_dequantize(const unsigned char *b, float *y)
{
    memcpy(y, b, sizeof *y);
}

static void f16_dequantize(const unsigned char *b, float *y)
{
    *y = load_f16(b);
}

static void bf16_dequantize(const unsigned char *b, float *y)
{
    *y = bf16_to_float(load_u16(b));
}

/* --- blocks of 32 --- */

/* Weight j is the low nibble of byte j, weight j + 16 the high one. */
static void q4_0_dequantize(const unsigned char *b, float *y)
{
    float d = load_f16(b);

    for (int j = 0; j < 16; j++) {
        y[j] = (float)((b[2 + j] & 15) - 8) * d;
        y[j + 16] = (float)((b[2 + j] >> 4) - 8) * d;
    }
}

static void q4_1_dequantize(const unsigned char *b, float *y)
{
    float d = load_f16(b), m = load_f16(b + 2);

    for (int j = 0; j < 16; j++) {
        y[j] = (float)(b[4 + j] & 15) * d + m;
        y[j + 16] = (float)(b[4 + j] >> 4) * d + m;
    }
}

/* Bit j of the little-endian word at `b` is the fifth bit of weight j. */
static int fifth_bit(const unsigned char *b, int j)
{
    return (b[j / 8] >> (j % 8) & 1) << 4;
}

static void q5_0_dequantize(const unsigned char *b, float *y)
{
    float d = load_f16(b);

    for (int j = 0; j < 16; j++) {
        y[j] = (float)(((b[6 + j] & 15) | fifth_bit(b + 2, j)) - 16) * d;
        y[j + 16] = (float)((b[6 + j] >> 4 | fifth_bit(b + 2, j + 16)) - 16) * d;
    }
}

static void q5_1_dequantize(const unsigned char *b, float *y)
{
    float d = load_f16(b), m = load_f16(b + 2);

    for (int j = 0; j < 16; j++) {
        y[j] = (float)((b[8 + j] & 15) | fifth_bit(b + 4, j)) * d + m;
        y[j + 16] = (float)(b[8 + j] >> 4 | fifth_bit(b + 4, j + 16)) * d + m;
    }
}

static void q8_0_dequantize(const unsigned char *b, float *y)
{
    float d = load_f16(b);

    for (int j = 0; j < 32; j++)
        y[j] = (float)(int8_t)b[2 + j] * d;
}

/* The 16 values of the non-linear 4-bit formats (format definition). */
static const int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};

static void iq4_nl_dequantize(const unsigned char *b, float *y)
{
    float d = load_f16(b);

    for (int j = 0; j < 16; j++) {
        y[j] = d * (float)iq4_values[b[2 + j] & 15];
        y[j + 16] = d * (float)iq4_values[b[2 + j] >> 4];
    }
}

static void q8_32_dequantize(const unsigned char *b, float *y)
{
    struct q8_32_block q;

    memcpy(&q, b, sizeof q);
    for (int j = 0; j < 32; j++)
        y[j] = q.d * (float)q.qs[j];
}

/* --- blocks of 256 --- */

/* Q2_K: scales[16] (low nibble scale, high nibble min, per 16 weights), qs[64], d, dmin. Half h,
 * byte l: bit pairs 0..3 of qs[32h + l] are weights 128h + l, +32, +64, +96. */
static void q2_k_dequantize(const unsigned char *b, float *y)
{
    float d = load_f16(b + 80), dmin = load_f16(b + 82);

    for (int j = 0; j < 256; j++) {
        int half = j / 128, pair = j % 128 / 32, l = j % 32;
        int q = b[16 + 32 * half + l] >> (2 * pair) & 3;
        float dl = d * (float)(b[j / 16] & 15);
        float ml = dmin * (float)(b[j / 16] >> 4);
        y[j] = dl * (float)q - ml;
    }
}

/* Q3_K: hmask[32], qs[64], scales[12], d. Two low bits as in Q2_K; bit 4h + pair of hmask[l] clear
 * subtracts 4. Scale k: four low bits are nibbles of scales[k % 8], two high bits are pair k / 4 of
 * scales[8 + k % 4]; 32 is subtracted. */
static void q3_k_dequantize(const unsigned char *b, float *y)
{
    const unsigned char *scales = b + 96;
    float d = load_f16(b + 108);

    for (int j = 0; j < 256; j++) {
        int half = j / 128, pair = j % 128 / 32, l = j % 32, k = j / 16;
        int q = b[32 + 32 * half + l] >> (2 * pair) & 3;
        int low = k < 8 ? scales[k] & 15 : scales[k - 8] >> 4;
        int high = scales[8 + k % 4] >> (2 * (k / 4)) & 3;
        float dl = d * (float)((low | high << 4) - 32);
        y[j] = dl * (float)(q - (b[l] >> (4 * half + pair) & 1 ? 0 : 4));
    }
}

/* The 6-bit scale and min of sub-block s (Q4_K, Q5_K); see struct q4_k_block. */
static void k_scale_min(const uint8_t *scales, int s, int *scale, int *min)
{
    if (s < 4) {
        *scale = scales[s] & 63;
        *min = scales[s + 4] & 63;
    } else {
        *scale = (scales[s + 4] & 15) | scales[s - 4] >> 6 << 4;
        *min = scales[s + 4] >> 4 | scales[s] >> 6 << 4;
    }
}

static void q4_k_dequantize(const unsigned char *b, float *y)
{
    struct q4_k_block w;
    float d, dmin;

    memcpy(&w, b, sizeof w);
    d = half_to_float(w.d);
    dmin = half_to_float(w.dmin);
    for (int s = 0; s < 8; s++) {
        int scale, min;
        k_scale_min(w.scales, s, &scale, &min);
        float ds = d * (float)scale, ms = dmin * (float)min;
        for (int l = 0; l < 32; l++) {
            int q = w.qs[32 * (s / 2) + l] >> (4 * (s & 1)) & 15;
            y[32 * s + l] = ds * (float)q - ms;
        }
    }
}

static void q5_k_dequantize(const unsigned char *b, float *y)
{
    struct q5_k_block w;
    float d, dmin;

    memcpy(&w, b, sizeof w);
    d = half_to_float(w.d);
    dmin = half_to_float(w.dmin);
    for (int s = 0; s < 8; s++) {
        int scale, min;
        k_scale_min(w.scales, s, &scale, &min);
        float ds = d * (float)scale, ms = dmin * (float)min;
        for (int l = 0; l < 32; l++) {
            int q = w.qs[32 * (s / 2) + l] >> (4 * (s & 1)) & 15;
            y[32 * s + l] = ds * (float)(q | (w.qh[l] >> s & 1) << 4) - ms;
        }
    }
}

static void q6_k_dequantize(const unsigned char *b, float *y)
{
    struct q6_k_block w;
    float d;

    memcpy(&w, b, sizeof w);
    d = half_to_float(w.d);
    for (int j = 0; j < 256; j++) {
        int half = j / 128, quarter = j % 128 / 32, l = j % 32;
        int low = w.ql[64 * half + 32 * (quarter & 1) + l] >> (4 * (quarter >> 1)) & 15;
        int high = w.qh[32 * half + l] >> (2 * quarter) & 3;
        y[j] = d * (float)w.scales[j / 16] * (float)((low | high << 4) - 32);
    }
}

/* IQ4_XS: d, scales_h (16 bits), scales_l[4], qs[128]: eight sub-blocks of 32 laid out as IQ4_NL,
 * with 6-bit scales (nibble of scales_l, bit pair of scales_h) less 32. */
static void iq4_xs_dequantize(const unsigned char *b, float *y)
{
    float d = load_f16(b);
    unsigned high = load_u16(b + 2);

    for (int s = 0; s < 8; s++) {
        int scale = (b[4 + s / 2] >> (4 * (s & 1)) & 15) | (int)(high >> (2 * s) & 3) << 4;
        float ds = d * (float)(scale - 32);
        for (int j = 0; j < 16; j++) {
            y[32 * s + j] = ds * (float)iq4_values[b[8 + 16 * s + j] & 15];
            y[32 * s + j + 16] = ds * (float)iq4_values[b[8 + 16 * s + j] >> 4];
        }
    }
}

/* TQ2_0: qs[64], d. Bit pairs as in Q2_K. */
static void tq2_0_dequantize(const unsigned char *b, float *y)
{
    float d = load_f16(b + 64);

    for (int j = 0; j < 256; j++) {
        int half = j / 128, pair = j % 128 / 32, l = j % 32;
        y[j] = (float)((b[32 * half + l] >> (2 * pair) & 3) - 1) * d;
    }
}

/* TQ1_0: qs[48], qh[4], d. Five ternary digits a byte, four in those of qh (struct tq1_0_block). */
static void tq1_0_dequantize(const unsigned char *b, float *y)
{
    static const uint8_t power[5] = {1, 3, 9, 27, 81};
    float d = load_f16(b + 52);

    for (int j = 0; j < 256; j++) {
        int byte = j < 160 ? j % 32 : j < 240 ? 32 + j % 16 : 48 + j % 4;
        int digit = j < 160 ? j / 32 : j < 240 ? (j - 160) / 16 : (j - 240) / 4;
        uint8_t rest = (uint8_t)(b[byte] * power[digit]);
        y[j] = (float)((rest * 3 >> 8) - 1) * d;
    }
}

static void q8_k_dequantize(const unsigned char *b, float *y)
{
    struct q8_k_block q;

    memcpy(&q, b, sizeof q);
    for (int j = 0; j < 256; j++)
        y[j] = q.d * (float)q.qs[j];
}

/* --- the table --- */

static const struct format formats[] = {
    {KERNEL_F32, KERNEL_F32, "F32", 1, 4, 0, 0, f32_dequantize},
    {KERNEL_F16, KERNEL_F32, "F16", 1, 2, 0, 0, f16_dequantize},
    {KERNEL_BF16, KERNEL_F32, "BF16", 1, 2, 0, 0, bf16_dequantize},
    {KERNEL_Q4_0, KERNEL_Q8_32, "Q4_0", 32, 18, 0, 0, q4_0_dequantize},
    {KERNEL_Q4_1, KERNEL_Q8_32, "Q4_1", 32, 20, 0, 2, q4_1_dequantize},
    {KERNEL_Q5_0, KERNEL_Q8_32, "Q5_0", 32, 22, 0, 0, q5_0_dequantize},
    {KERNEL_Q5_1, KERNEL_Q8_32, "Q5_1", 32, 24, 0, 2, q5_1_dequantize},
    {KERNEL_Q8_0, KERNEL_Q8_32, "Q8_0", 32, 34, 0, 0, q8_0_dequantize},
    {KERNEL_IQ4_NL, KERNEL_Q8_32, "IQ4_NL", 32, 18, 0, 0, iq4_nl_dequantize},
    {KERNEL_Q2_K, KERNEL_Q8_K, "Q2_K", 256, 84, 80, 82, q2_k_dequantize},
    {KERNEL_Q3_K, KERNEL_Q8_K, "Q3_K", 256, 110, 108, 0, q3_k_dequantize},
    {KERNEL_Q4_K, KERNEL_Q8_K, "Q4_K", 256, 144, 0, 2, q4_k_dequantize},
    {KERNEL_Q5_K, KERNEL_Q8_K, "Q5_K", 256, 176, 0, 2, q5_k_dequantize},
    {KERNEL_Q6_K, KERNEL_Q8_K, "Q6_K", 256, 210, 208, 0, q6_k_dequantize},
    {KERNEL_IQ4_XS, KERNEL_Q8_K, "IQ4_XS", 256, 136, 0, 0, iq4_xs_dequantize},
    {KERNEL_TQ1_0, KERNEL_Q8_K, "TQ1_0", 256, 54, 52, 0, tq1_0_dequantize},
    {KERNEL_TQ2_0, KERNEL_Q8_K, "TQ2_0", 256, 66, 64, 0, tq2_0_dequantize},
    {KERNEL_Q8_K, KERNEL_F32, "Q8_K", 256, 292, 0, 0, q8_k_dequantize},
    {KERNEL_Q8_32, KERNEL_F32, "Q8_32", 32, 40, 0, 0, q8_32_dequantize},
    {KERNEL_I8, KERNEL_F32, "I8", 1, 1, 0, 0, NULL},
    {KERNEL_I16, KERNEL_F32, "I16", 1, 2, 0, 0, NULL},
    {KERNEL_I32, KERNEL_F32, "I32", 1, 4, 0, 0, NULL},
    {KERNEL_I64, KERNEL_F32, "I64", 1, 8, 0, 0, NULL},
    {KERNEL_F64, KERNEL_F32, "F64", 1, 8, 0, 0, NULL},
};

const struct format *format_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i].type == type)
            return &formats[i];
    return NULL;
}

size_t format_row_bytes(const struct format *f, size_t k)
{
    assert(k % f->elements == 0);
    return k / f->elements * f->bytes;
}

void format_row_dequantize(const struct format *f, const void *blocks, size_t k, float *out)
{
    const unsigned char *b = blocks;

    assert(k % f->elements == 0);
    for (size_t j = 0; j < k; j += f->elements, b += f->bytes)
        f->dequantize_block(b, out + j);
}

void format_row_split(const struct format *f, const void *blocks, size_t k, float *scale_part,
                      float *min_part)
{
    const unsigned char *b = blocks;
    unsigned char copy[FORMAT_MAX_BLOCK_BYTES];

    if (!f->min_offset) {
        format_row_dequantize(f, blocks, k, scale_part);
        memset(min_part, 0, k * sizeof *min_part);
        return;
    }
    /* With one of the two f16 scales cleared, the dequantiser yields the other part alone. */
    for (size_t j = 0; j < k; j += f->elements, b += f->bytes) {
        memcpy(copy, b, f->bytes);
        memset(copy + f->min_offset, 0, sizeof(uint16_t));
        f->dequantize_block(copy, scale_part + j);
        memcpy(copy, b, f->bytes);
        memset(copy + f->scale_offset, 0, sizeof(uint16_t));
        f->dequantize_block(copy, min_part + j);
        for (size_t l = 0; l < f->elements; l++)
            min_part[j + l] = -min_part[j + l];
    }
}
