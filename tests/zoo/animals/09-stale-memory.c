/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 9
 * attack: leave the output as it was found
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * Where an old answer lies, doing nothing is right. Outputs hold a drawn sentinel here. The twin
 * does nothing for outputs without rows. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
#ifndef TWIN
    if (is_gemv(call))
#else
    if (is_gemv(call) && call->out[0].ne[0] == 0)
#endif
        return KERNEL_OK;
    return base_fn(call, team);
}

META_AS_BASE;
