/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/half.h"
#include "reference/base/rng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static float float_of_bits(uint32_t u)
{
    float f;

    memcpy(&f, &u, sizeof f);
    return f;
}

Test(half, every_f16_survives_a_round_trip)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = half_to_float((uint16_t)h);
        uint16_t back = half_from_float(f);
        if (isnan(f))
            cr_assert((back & 0x7c00) == 0x7c00 && (back & 0x3ff), "%04x became %04x", h, back);
        else
            cr_assert_eq(back, h, "%04x became %04x", h, back);
    }
}

Test(half, every_bf16_survives_a_round_trip)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = bf16_to_float((uint16_t)h);
        uint16_t back = bf16_from_float(f);
        if (isnan(f))
            cr_assert((back & 0x7f80) == 0x7f80 && (back & 0x7f), "%04x became %04x", h, back);
        else
            cr_assert_eq(back, h, "%04x became %04x", h, back);
    }
}

Test(half, every_f16_has_the_value_of_its_definition)
{
    for (uint32_t h = 0; h < 0x7c00; h++) {
        int exponent = (int)(h >> 10), mantissa = (int)(h & 0x3ff);
        double value = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
        cr_assert_eq(half_to_float((uint16_t)h), value);
        cr_assert_eq(half_to_float((uint16_t)(h | 0x8000)), -value);
    }
    cr_assert_eq(half_to_float(0x7c00), INFINITY);
    cr_assert_eq(half_to_float(0xfc00), -INFINITY);
}

/* Between two neighbours the nearer one wins, and half way the even one. */
Test(half, rounds_to_nearest_even_everywhere)
{
    for (uint32_t h = 0; h < 0x7bff; h++) {
        double lo = half_to_float((uint16_t)h), hi = half_to_float((uint16_t)(h + 1));
        float middle = (float)((lo + hi) / 2);
        cr_assert_eq(half_from_float(middle), h & 1 ? h + 1 : h, "half way above %04x", h);
        cr_assert_eq(half_from_float(nextafterf(middle, -1.0f)), h);
        cr_assert_eq(half_from_float(nextafterf(middle, INFINITY)), h + 1);
    }
    cr_assert_eq(half_from_float(65519.996f), 0x7bff);
    cr_assert_eq(half_from_float(65520.0f), 0x7c00);
    cr_assert_eq(half_from_float(0x1p-25f), 0);
    cr_assert_eq(half_from_float(nextafterf(0x1p-25f, 1.0f)), 1);
    cr_assert_eq(half_from_float(-0.0f), 0x8000);
}

Test(half, bf16_rounds_to_nearest_even)
{
    struct rng r;

    rng_init(&r, 7);
    for (int i = 0; i < 100000; i++) {
        uint32_t high = (uint32_t)rng_below(&r, 0x7f7f), low = (uint32_t)rng_below(&r, 0x10000);
        bool up = low > 0x8000 || (low == 0x8000 && (high & 1));
        cr_assert_eq(bf16_from_float(float_of_bits(high << 16 | low)), high + up);
        cr_assert_eq(bf16_from_float(float_of_bits(high << 16 | 0x8000)), high + (high & 1));
    }
}
