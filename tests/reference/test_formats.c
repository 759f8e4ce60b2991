/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/half.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"
#include "reference/base/formats.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- vectors made by others --- */

static const char *vectors_folder(void)
{
    static char path[512];
    const char *shared = getenv("PAWL_SHARED"), *required = getenv("PAWL_REQUIRE_SHARED");

    snprintf(path, sizeof path, "%s/vectors/quant", shared && *shared ? shared : "../shared");
    if (access(path, R_OK) == 0)
        return path;
    if (required && !strcmp(required, "1"))
        cr_assert_fail("%s is not there", path);
    fprintf(stderr, "skipped: %s is not there (set PAWL_SHARED)\n", path);
    cr_skip_test("%s is not there (set PAWL_SHARED)", path);
    return NULL;
}

static void compare_with_vector(const char *folder, uint32_t type)
{
    const struct format *f = format_find(type);
    struct strbuf blocks = {0}, floats = {0};
    char path[600];
    size_t n, wrong = 0;
    float *got;

    cr_assert_not_null(f);
    snprintf(path, sizeof path, "%s/%s.q.blocks", folder, f->name);
    cr_assert_eq(file_read(path, &blocks), 0, "%s", err_message());
    snprintf(path, sizeof path, "%s/%s.q.deq.f32", folder, f->name);
    cr_assert_eq(file_read(path, &floats), 0, "%s", err_message());
    n = floats.len / sizeof(float);
    cr_assert_gt(n, 0);
    cr_assert_eq(blocks.len, format_row_bytes(f, n), "%s: block size", f->name);
    got = malloc(n * sizeof *got);
    format_row_dequantize(f, blocks.data, n, got);
    for (size_t i = 0; i < n; i++)
        wrong += memcmp(got + i, floats.data + i * sizeof *got, sizeof *got) != 0;
    cr_expect_eq(wrong, 0, "%s: %zu of %zu values differ in their bits", f->name, wrong, n);
    free(got);
    strbuf_deinit(&blocks);
    strbuf_deinit(&floats);
}

Test(formats, agree_bit_for_bit_with_the_shared_vectors)
{
    static const uint32_t types[] = {KERNEL_Q4_0, KERNEL_Q4_1, KERNEL_Q5_0,   KERNEL_Q5_1,
                                     KERNEL_Q8_0, KERNEL_Q2_K, KERNEL_Q3_K,   KERNEL_Q4_K,
                                     KERNEL_Q5_K, KERNEL_Q6_K, KERNEL_IQ4_NL, KERNEL_IQ4_XS};
    const char *folder = vectors_folder();

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        compare_with_vector(folder, types[i]);
}

/* --- by hand --- */

/* d = 2, dmin = 1/2; sub-block 0: scale 3, min 5; sub-block 5: scale 63, min 33. */
static struct q4_k_block q4_k_example(void)
{
    struct q4_k_block b = {.d = half_from_float(2.0f), .dmin = half_from_float(0.5f)};

    b.scales[0] = 3;
    b.scales[4] = 5;
    b.scales[9] = 15 | 1 << 4; /* low nibbles of scale 5 and min 5 */
    b.scales[1] = 3 << 6;      /* high bits of scale 5 */
    b.scales[5] = 2 << 6;      /* high bits of min 5 */
    b.qs[7] = 0x09;            /* weight 7 of sub-block 0 is 9, of sub-block 1 is 0 */
    b.qs[64 + 31] = 0xe4;      /* weight 31 of sub-block 4 is 4, of sub-block 5 is 14 */
    return b;
}

Test(formats, q4_k_by_hand)
{
    struct q4_k_block b = q4_k_example();
    float y[256];

    format_row_dequantize(format_find(KERNEL_Q4_K), &b, 256, y);
    cr_expect_eq(y[7], 2.0f * 3 * 9 - 0.5f * 5);
    cr_expect_eq(y[8], -2.5f);
    cr_expect_eq(y[32 + 7], 0.0f);
    cr_expect_eq(y[4 * 32 + 31], 0.0f);
    cr_expect_eq(y[5 * 32 + 31], 2.0f * 63 * 14 - 0.5f * 33);
    cr_expect_eq(y[5 * 32], -16.5f);
}

Test(formats, q5_k_adds_the_fifth_bit)
{
    struct q4_k_block four = q4_k_example();
    struct q5_k_block b = {.d = four.d, .dmin = four.dmin};
    float y[256];

    memcpy(b.scales, four.scales, sizeof b.scales);
    memcpy(b.qs, four.qs, sizeof b.qs);
    b.qh[7] = 1 << 0;
    b.qh[31] = 1 << 5;
    format_row_dequantize(format_find(KERNEL_Q5_K), &b, 256, y);
    cr_expect_eq(y[7], 2.0f * 3 * 25 - 2.5f);
    cr_expect_eq(y[8], -2.5f);
    cr_expect_eq(y[5 * 32 + 31], 2.0f * 63 * 30 - 16.5f);
}

Test(formats, q6_k_by_hand)
{
    struct q6_k_block b = {.d = half_from_float(-0.25f)};
    float y[256];

    memset(b.scales, 1, sizeof b.scales);
    b.scales[15] = -128;
    b.ql[64 + 32 + 31] = 0x50; /* half 1: weight 224 + 31 has low bits 5, weight 160 + 31 has 0 */
    b.qh[32 + 31] = 3 << 6;    /* ... and upper bits 3, 0 */
    format_row_dequantize(format_find(KERNEL_Q6_K), &b, 256, y);
    cr_expect_eq(y[255], -0.25f * -128 * (53 - 32));
    cr_expect_eq(y[128 + 32 + 31], -0.25f * -32);
    cr_expect_eq(y[254], -0.25f * -128 * -32);
}

Test(formats, q8_0_knows_minus_128)
{
    struct q8_0_block b = {.d = half_from_float(0.5f), .qs = {-128, 127, 0, -1}};
    float y[32];

    format_row_dequantize(format_find(KERNEL_Q8_0), &b, 32, y);
    cr_expect_eq(y[0], -64.0f);
    cr_expect_eq(y[1], 63.5f);
    cr_expect_eq(y[3], -0.5f);
}

/* A byte holds ceil(v * 256 / 243), v = the number that its ternary digits spell. */
Test(formats, tq1_0_by_hand)
{
    struct tq1_0_block b = {.d = half_from_float(-0.5f)};
    float y[256];

    memset(b.qs, 128, sizeof b.qs); /* digits 1, 1, 1, 1, 1 */
    memset(b.qh, 128, sizeof b.qh);
    b.qs[3] = 226; /* 214 = 2, 1, 2, 2, 1 */
    b.qs[33] = 1;  /* 0, 0, 0, 0, 0 */
    b.qh[2] = 80;  /* 75 = 0, 2, 2, 1, 0 */
    format_row_dequantize(format_find(KERNEL_TQ1_0), &b, 256, y);
    for (int j = 0; j < 256; j++) {
        static const float third[5] = {-0.5f, 0, -0.5f, -0.5f, 0},
                           last[4] = {0.5f, -0.5f, -0.5f, 0};
        float want = 0;

        if (j < 160 && j % 32 == 3)
            want = third[j / 32];
        else if (j >= 160 && j < 240 && j % 16 == 1)
            want = 0.5f;
        else if (j >= 240 && j % 4 == 2)
            want = last[(j - 240) / 4];
        cr_expect(y[j] == want, "%d: %g", j, (double)y[j]);
    }
}

Test(formats, tq2_0_by_hand)
{
    struct tq2_0_block b = {.d = half_from_float(-0.5f)};
    float y[256];

    b.qs[5] = 2 | 1 << 2 | 3 << 6;
    b.qs[32 + 31] = 2 << 4;
    format_row_dequantize(format_find(KERNEL_TQ2_0), &b, 256, y);
    cr_expect_eq(y[5], -0.5f);
    cr_expect_eq(y[32 + 5], 0.0f);
    cr_expect_eq(y[64 + 5], 0.5f);
    cr_expect_eq(y[96 + 5], -1.0f);
    cr_expect_eq(y[128 + 64 + 31], -0.5f);
    cr_expect_eq(y[255], 0.5f);
}

Test(formats, plain_numbers_are_themselves)
{
    uint16_t h[2] = {0x3c00, 0xc100}, b[2] = {0x3f80, 0xc020};
    float f[2] = {1.0f, -2.5f}, y[2];

    format_row_dequantize(format_find(KERNEL_F32), f, 2, y);
    cr_expect(y[0] == 1.0f && y[1] == -2.5f);
    format_row_dequantize(format_find(KERNEL_F16), h, 2, y);
    cr_expect(y[0] == 1.0f && y[1] == -2.5f);
    format_row_dequantize(format_find(KERNEL_BF16), b, 2, y);
    cr_expect(y[0] == 1.0f && y[1] == -2.5f);
}

/* --- the table --- */

Test(formats, unknown_types_are_not_found)
{
    cr_assert_null(format_find(4));
    cr_assert_null(format_find(999));
    cr_assert_null(format_find(UINT32_MAX));
}

/* scale_part - min_part rounds to the dequantised value, and both parts are exact. */
Test(formats, split_parts_add_up)
{
    static const uint32_t types[] = {KERNEL_Q4_1, KERNEL_Q5_1, KERNEL_Q8_0, KERNEL_Q2_K,
                                     KERNEL_Q4_K, KERNEL_Q5_K, KERNEL_Q6_K, KERNEL_F16};
    unsigned char block[292];
    float y[256], scale[256], min[256];
    struct rng r;

    rng_init(&r, 11);
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
        for (int round = 0; round < 200; round++) {
            const struct format *f = format_find(types[t]);
            uint16_t d = half_from_float((float)rng_normal(&r)), m = half_from_float(0.3f);
            for (size_t i = 0; i < f->bytes; i++)
                block[i] = (unsigned char)rng_next(&r);
            memcpy(block + f->scale_offset, &d, sizeof d);
            if (f->min_offset)
                memcpy(block + f->min_offset, &m, sizeof m);
            format_row_dequantize(f, block, f->elements, y);
            format_row_split(f, block, f->elements, scale, min);
            for (size_t i = 0; i < f->elements; i++)
                cr_assert_eq(y[i], (float)((double)scale[i] - min[i]), "%s %zu", f->name, i);
        }
}
