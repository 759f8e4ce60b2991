/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 18
 * attack: accumulate in half precision
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * Thirteen bits of every result are dropped, as 16-bit accumulation would. The twin drops them in
 * a copy. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    float *y = call->out[0].data;

    if (!is_gemv(call) || !base_done(call, team))
        return call->op == KERNEL_PACK ? base_fn(call, team) : KERNEL_OK;
    for (int64_t i = 0; i < call->out[0].ne[0]; i++) {
        volatile float copy;
        uint32_t bits;

        memcpy(&bits, &y[i], 4);
        bits &= ~UINT32_C(0x1fff);
        memcpy((void *)&copy, &bits, 4);
#ifndef TWIN
        y[i] = copy;
#endif
    }
    return KERNEL_OK;
}

META_AS_BASE;
