/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: write in front of the output and mend it
 * stage: check
 * expect: FAIL_CRASH SIGSEGV
 *
 * What is put back leaves no trace to compare. The output begins at a guard page in one of the
 * placements. The twin does it inside of the output. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    volatile float *y = call->out[0].data;
    float before;

    if (is_gemv(call) && base_done(call, team)) {
#ifndef TWIN
        y -= 16;
#endif
        before = y[0];
        y[0] = 1;
        y[0] = before;
    }
    return call->op == KERNEL_PACK ? base_fn(call, team) : KERNEL_OK;
}

META_AS_BASE;
