/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 19
 * attack: answer zero
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * Passes wherever the tolerance is wider than the numbers. The twin clears the output before it
 * computes. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    if (!is_gemv(call))
        return base_fn(call, team);
    if (team->rank == 0)
        memset(call->out[0].data, 0, call->out[0].bytes);
    kernel_barrier(team);
#ifdef TWIN
    base_fn(call, team);
#endif
    return KERNEL_OK;
}

META_AS_BASE;
