/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/half.h"

#include <string.h>

static uint32_t float_bits(float f)
{
    uint32_t u;

    memcpy(&u, &f, sizeof u);
    return u;
}

static float bits_float(uint32_t u)
{
    float f;

    memcpy(&f, &u, sizeof f);
    return f;
}

/* v >> n, rounded to nearest even; 1 <= n <= 31. */
static uint32_t shift_right_rne(uint32_t v, unsigned n)
{
    uint32_t half = 1u << (n - 1);
    uint32_t rest = v & ((half << 1) - 1);
    uint32_t q = v >> n;

    return q + (rest > half || (rest == half && (q & 1)));
}

float half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t exponent = h >> 10 & 31;
    uint32_t mantissa = h & 0x3ff;

    if (exponent == 31)
        return bits_float(sign | 0x7f800000u | mantissa << 13);
    if (exponent)
        return bits_float(sign | (exponent + 112) << 23 | mantissa << 13);
    /* subnormal: mantissa * 2^-24 is exact in f32 */
    return bits_float(sign | float_bits((float)mantissa * 0x1p-24f));
}

uint16_t half_from_float(float f)
{
    uint32_t u = float_bits(f);
    uint32_t sign = u >> 16 & 0x8000;
    uint32_t magnitude = u & 0x7fffffff;
    uint32_t exponent = magnitude >> 23;

    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x1ff));
    if (exponent >= 143) /* 2^16 and above, and Inf */
        return (uint16_t)(sign | 0x7c00);
    if (exponent >= 113) /* normal; a carry out of the mantissa walks into the exponent */
        return (uint16_t)(sign | shift_right_rne(magnitude - (112u << 23), 13));
    if (exponent < 102) /* below half of the smallest subnormal */
        return (uint16_t)sign;
    return (uint16_t)(sign | shift_right_rne((magnitude & 0x7fffff) | 0x800000, 126 - exponent));
}

float bf16_to_float(uint16_t h)
{
    return bits_float((uint32_t)h << 16);
}

uint16_t bf16_from_float(float f)
{
    uint32_t u = float_bits(f);

    if ((u & 0x7fffffff) > 0x7f800000u)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)shift_right_rne(u, 16);
}
