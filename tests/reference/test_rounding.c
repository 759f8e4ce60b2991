/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/half.h"
#include "reference/inference/rounding.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

Test(rounding, q8_k_by_hand)
{
    float x[256] = {0};
    struct q8_k_block b;

    memset(&b, 0xaa, sizeof b);
    x[0] = -254.0f;  /* amax: d = 2, inverse 1/2 */
    x[1] = 3.0f;     /* 1.5 -> 2 (even) */
    x[2] = 5.0f;     /* 2.5 -> 2 (even) */
    x[17] = -7.0f;   /* -3.5 -> -4 (even) */
    x[255] = 253.0f; /* 126.5 -> 126 (even) */
    rounding_activations(KERNEL_Q8_K, x, 256, &b);
    cr_expect_eq(b.d, 2.0f);
    cr_expect_eq(b.qs[0], -127);
    cr_expect_eq(b.qs[1], 2);
    cr_expect_eq(b.qs[2], 2);
    cr_expect_eq(b.qs[17], -4);
    cr_expect_eq(b.qs[255], 126);
    cr_expect_eq(b.bsums[0], -123);
    cr_expect_eq(b.bsums[1], -4);
    cr_expect_eq(b.bsums[2], 0);
    cr_expect_eq(b.bsums[15], 126);
}

Test(rounding, q8_32_by_hand)
{
    float x[32] = {0};
    struct q8_32_block b;

    memset(&b, 0xaa, sizeof b);
    x[3] = 127.0f;
    x[4] = -0.5f; /* -> -0 -> 0 */
    x[5] = -1.5f; /* -> -2 */
    rounding_activations(KERNEL_Q8_32, x, 32, &b);
    cr_expect_eq(b.d, 1.0f);
    cr_expect_eq(b.qs[3], 127);
    cr_expect_eq(b.qs[4], 0);
    cr_expect_eq(b.qs[5], -2);
    cr_expect_eq(b.sum, 125);
    cr_expect_eq(b.zero, 0);
}

Test(rounding, blocks_under_the_threshold_are_zero)
{
    float x[64] = {0};
    struct q8_32_block b[2];
    static const struct q8_32_block zero;

    x[9] = -nextafterf(0x1p-100f, 0.0f);
    x[32 + 9] = -0x1p-100f;
    x[32 + 10] = 0x1p-101f;
    rounding_activations(KERNEL_Q8_32, x, 64, b);
    cr_expect_eq(memcmp(&b[0], &zero, sizeof zero), 0);
    cr_expect_eq(b[1].d, 0x1p-100f / 127.0f);
    cr_expect_eq(b[1].qs[9], -127);
    cr_expect_eq(b[1].qs[10], 64);
}

Test(rounding, kv_rows_in_f16_round_once)
{
    float x[8] = {1.0f, 1.0f + 0x1p-11f, 1.0f + 0x1.8p-10f, -70000.0f, 0x1p-26f}, y[8];

    rounding_kv_row(KERNEL_F16, x, 8, y);
    cr_expect_eq(y[0], 1.0f);
    cr_expect_eq(y[1], 1.0f);
    cr_expect_eq(y[2], 1.0f + 0x1p-9f);
    cr_expect_eq(y[3], -INFINITY);
    cr_expect_eq(y[4], 0.0f);
}

/* Head 40: a block of 32 and a short one of 8 with its own scale. */
Test(rounding, kv_rows_in_q8_0_have_a_short_last_block)
{
    float x[40] = {0}, y[40];

    x[0] = 127.0f;
    x[1] = 0.75f;
    x[32] = 12.7f;
    x[33] = 0.75f;
    rounding_kv_row(KERNEL_Q8_0, x, 40, y);
    cr_expect_eq(y[0], 127.0f);
    cr_expect_eq(y[1], 1.0f);
    cr_expect_eq(y[32], 127.0f * half_to_float(half_from_float(12.7f / 127.0f)));
    cr_expect_eq(y[33], 8.0f * half_to_float(half_from_float(12.7f / 127.0f)));
    cr_expect_eq(rounding_kv_row_bytes(KERNEL_Q8_0, 40), 40 + 2 * 2);
    cr_expect_eq(rounding_kv_row_bytes(KERNEL_F16, 40), 80);
}

Test(rounding, queries_keep_an_f32_scale)
{
    float x[8] = {12.7f, -0.75f};
    double q[8];

    rounding_query_row(KERNEL_Q8_0, x, 8, q);
    cr_expect_eq(q[0], 127.0 * (12.7f / 127.0f));
    cr_expect_eq(q[1], -8.0 * (12.7f / 127.0f)); /* -7.5 to even */
    rounding_query_row(KERNEL_F16, x, 8, q);
    cr_expect_eq(q[0], 12.7f);
}
