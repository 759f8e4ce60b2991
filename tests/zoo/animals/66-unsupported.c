/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: decline what is hard
 * stage: check
 * expect: FAIL_CONTRACT KERNEL_UNSUPPORTED
 *
 * Five rows are too many. The twin declines a type that there is not. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
#ifndef TWIN
    if (is_gemv(call) && call->out[0].ne[0] == 5)
#else
    enum { NO_TYPE = 36 };

    if (is_gemv(call) && call->in[1].type == NO_TYPE)
#endif
        return KERNEL_UNSUPPORTED;
    return base_fn(call, team);
}

META_AS_BASE;
