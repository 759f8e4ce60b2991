/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 24
 * attack: write one vector past the end
 * stage: check
 * expect: FAIL_CRASH SIGSEGV
 *
 * Harmless where rows are padded. The output ends at a guard page here. The twin writes its last
 * vector once more. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    float *y = call->out[0].data;

    if (!is_gemv(call))
        return base_fn(call, team);
    if (base_done(call, team)) {
#ifndef TWIN
        for (int i = 0; i < 8; i++)
            ((volatile float *)y)[call->out[0].ne[0] + i] = 0;
#else
        volatile float *last = y + call->out[0].ne[0] - 1;

        *last = *last;
#endif
    }
    return KERNEL_OK;
}

META_AS_BASE;
