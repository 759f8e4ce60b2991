/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/inference/tolerance.h"
#include "reference/problem/operator.h"

#include <criterion/criterion.h>

Test(tolerance, ulp_is_the_spacing_of_f32)
{
    static const float at[] = {1.0f, 1.5f, 2.0f, 3.0e-5f, 7.0e20f, 0x1p-126f, 1e-40f, 0x1.8p-140f};

    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
        cr_assert_eq(problem_ulp(at[i]), (double)nextafterf(at[i], INFINITY) - at[i], "at %g",
                     at[i]);
    cr_assert_eq(problem_ulp(0.0), 0x1p-149);
}

Test(tolerance, additions_follow_the_block_size)
{
    cr_assert_eq(tolerance_matmul_additions(format_find(KERNEL_Q4_K), 14336), 56);
    cr_assert_eq(tolerance_matmul_additions(format_find(KERNEL_Q8_0), 256), 2);
    cr_assert_eq(tolerance_matmul_additions(format_find(KERNEL_F16), 256), 4);
}
