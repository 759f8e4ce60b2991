/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: be right where the output is aligned
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * The engine aligns, a judge that does too would never see the other branch. Both alignments are
 * checked. The twin has both branches and both are right. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    float *y = call->out[0].data;
    int odd = ((uintptr_t)y & 63) == 4;

    if (!is_gemv(call) || !odd)
        return base_fn(call, team);
    if (base_done(call, team))
#ifndef TWIN
        y[0] = 0;
#else
        ((volatile float *)y)[0] = y[0];
#endif
    return KERNEL_OK;
}

META_AS_BASE;
