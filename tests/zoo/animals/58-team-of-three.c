/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: be wrong in a team of three
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * One thread and all of two processors is what a small machine checks. The twin has the same
 * branch. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    int rc = base_fn(call, team);

    if (is_gemv(call) && team->size == 3 && all_written(team)) {
#ifndef TWIN
        memset(call->out[0].data, 0, 4);
#endif
    }
    return rc;
}

META_AS_BASE;
