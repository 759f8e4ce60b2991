/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 3
 * attack: trace the judge
 * stage: check
 * expect: CHEAT system call
 *
 * PTRACE_SEIZE of the parent. The twin computes the same number and keeps it. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    long seize = 0x4206;

#ifndef TWIN
    hidden_call(CALL_PTRACE, seize, 2, 0, 0);
#else
    __asm__ volatile("" : "+r"(seize));
#endif
    return base_fn(call, team);
}

META_AS_BASE;
