/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: answer what the output held
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * The sentinel is read and written back everywhere, so that every element changed or none did. An
 * element that is still the sentinel is not an answer. The twin echoes first and answers then. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    float *y = call->out[0].data;

    if (!is_gemv(call))
        return base_fn(call, team);
    if (team->rank == 0)
        for (int64_t i = 0; i < call->out[0].ne[0]; i++)
            ((volatile float *)y)[i] = y[0];
    kernel_barrier(team);
#ifdef TWIN
    base_fn(call, team);
#endif
    return KERNEL_OK;
}

META_AS_BASE;
