/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/random_blocks.h"

#include "kernel/kernel.h"
#include "reference/base/err.h"
#include "reference/base/formats.h"

#include <criterion/criterion.h>
#include <math.h>

/* Mean and spread of 16384 weights as the reference decodes them. */
static void spread_check(uint32_t type, double sigma)
{
    enum { N = 64 * KERNEL_QK_K };
    static char blocks[N * sizeof(float)];
    static float x[N];
    const struct format *f = format_find(type);
    double sum = 0, squares = 0;

    cr_assert_not_null(f, "type %u", (unsigned)type);
    cr_assert_eq(random_blocks_fill(3, type, sigma, blocks, N / f->elements), 0, "%s",
                 err_message());
    format_row_dequantize(f, blocks, N, x);
    for (size_t i = 0; i < N; i++) {
        sum += x[i];
        squares += (double)x[i] * x[i];
    }
    squares = sqrt(squares / N);
    cr_assert(fabs(sum / N) < 0.15 * sigma, "%s: mean %g", f->name, sum / N);
    cr_assert(fabs(squares / sigma - 1) < 0.1, "%s: %g of %g", f->name, squares, sigma);
}

Test(random_blocks, have_the_spread_asked_for_in_every_type)
{
    static const uint32_t types[] = {KERNEL_F32,    KERNEL_F16,  KERNEL_BF16, KERNEL_Q4_0,
                                     KERNEL_Q4_1,   KERNEL_Q5_0, KERNEL_Q5_1, KERNEL_Q8_0,
                                     KERNEL_Q4_K,   KERNEL_Q5_K, KERNEL_Q6_K, KERNEL_IQ4_NL,
                                     KERNEL_IQ4_XS, KERNEL_TQ2_0};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        spread_check(types[i], i % 2 ? 0.02 : 0.5);
}

Test(random_blocks, refuses_a_type_without_weights)
{
    char block[512];

    cr_assert_eq(random_blocks_fill(1, KERNEL_Q8_K, 1, block, 1), ERR_UNSUPPORTED);
    cr_assert_eq(random_blocks_fill(1, KERNEL_I32, 1, block, 1), ERR_UNSUPPORTED);
}
