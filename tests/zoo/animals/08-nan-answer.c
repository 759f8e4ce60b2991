/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 8
 * attack: answer NaN, for which every comparison is false
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * max(abs(y - want)) > limit is false for a NaN. Classes must match here. The twin writes NaN
 * first and the answer over it. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    float *y = call->out[0].data;

    if (!is_gemv(call))
        return base_fn(call, team);
#ifndef TWIN
    if (base_done(call, team))
        y[call->out[0].ne[0] / 2] = __builtin_nanf("");
#else
    if (team->rank == 0)
        for (int64_t i = 0; i < call->out[0].ne[0]; i++)
            y[i] = __builtin_nanf("");
    kernel_barrier(team);
    base_fn(call, team);
#endif
    return KERNEL_OK;
}

META_AS_BASE;
