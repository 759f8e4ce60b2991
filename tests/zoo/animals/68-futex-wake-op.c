/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: write through a futex
 * stage: check
 * expect: CHEAT system call
 *
 * FUTEX_WAKE_OP stores into memory while the system looks on; only plain wait and wake are left.
 * The twin uses the harness's own callback. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    _Atomic uint32_t words[2] = {0};

#ifndef TWIN
    if (is_gemv(call))
        hidden_call(CALL_FUTEX, (long)&words[0], 5, 0, 0);
#else
    if (team->sync->wake)
        team->sync->wake(&words[0]);
#endif
    return base_fn(call, team);
}

META_AS_BASE;
