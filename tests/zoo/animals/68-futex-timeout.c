/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: sleep on a futex to tell the time
 * stage: check
 * expect: CHEAT system call
 *
 * Waiting with a timeout is a clock. Only waiting without one is left. The twin uses the harness's
 * callback, on a word that has changed already. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    _Atomic uint32_t words[2] = {1};
#ifndef TWIN
    long nap[2] = {0, 1000};

    if (is_gemv(call))
        hidden_call(CALL_FUTEX, (long)&words[0], 0, 1, (long)nap);
#else
    team->sync->wait(&words[0], 0);
#endif
    return base_fn(call, team);
}

META_AS_BASE;
