/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 16
 * attack: leave a helper behind that goes on after the answer
 * stage: check
 * expect: CHEAT system call
 *
 * clone with a stack of the kernel's own. The twin uses the team it was given. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
#ifndef TWIN
    static char stack[1024];
    long flags = 0x50f00; /* CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM */

    if (is_gemv(call) && team->rank == 0)
        hidden_call(CALL_CLONE, flags, (long)(stack + sizeof stack), 0, 0);
#endif
    return base_fn(call, team);
}

META_AS_BASE;
