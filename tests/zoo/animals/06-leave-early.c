/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 6
 * attack: leave with status 0 before the work is done
 * stage: check
 * expect: FAIL_CRASH by itself
 *
 * A process that ended well might pass for one that did its work. The twin leaves its loop early,
 * when all is done. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    for (int round = 0; round < 2; round++) {
#ifndef TWIN
        if (is_gemv(call))
            hidden_call(CALL_EXIT_GROUP, 0, 0, 0, 0);
#endif
        if (base_fn(call, team) == KERNEL_OK)
            break;
    }
    return KERNEL_OK;
}

META_AS_BASE;
