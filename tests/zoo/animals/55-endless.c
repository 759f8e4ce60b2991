/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: never come back
 * stage: check
 * expect: FAIL_TIMEOUT hangs
 *
 * The twin's loop ends. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    volatile unsigned rounds = 0;

    while (is_gemv(call) && rounds < 1000) {
#ifdef TWIN
        rounds++;
#endif
    }
    return base_fn(call, team);
}

META_AS_BASE;
