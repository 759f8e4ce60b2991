/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 23
 * attack: be right for the listed shapes alone
 * stage: check
 * base: shipped
 * expect: FAIL_CORRECTNESS y
 * case: all
 *
 * Depths that no listed matrix product has lose their last block. Some checked shapes are drawn
 * and stand in no list. The twin has a branch for the same depths, which is as right as the other. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

static int is_listed(int64_t k)
{
    static const int16_t listed[] = {1,   32,  33,  40,  64,   72,   77,   96,   100,  256,  288,
                                     512, 640, 768, 896, 1024, 2048, 3072, 4096, 4864, 14336};

    for (size_t i = 0; i < sizeof listed / sizeof listed[0]; i++)
        if (k == listed[i])
            return 1;
    return 0;
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    int product = call->op == KERNEL_GEMV || call->op == KERNEL_GEMM;
    int rc = base_fn(call, team);

    if (product && !is_listed(call->in[0].ne[0]) && all_written(team)) {
#ifndef TWIN
        memset(call->out[0].data, 0, 4);
#else
        volatile float *y = call->out[0].data;

        *y = *y;
#endif
    }
    return rc;
}

META_AS_BASE;
