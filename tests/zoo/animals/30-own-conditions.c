/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 30
 * attack: move to another processor
 * stage: check
 * expect: CHEAT system call
 *
 * sched_setaffinity, as a stand-in for priority, madvise and mlock. The twin runs where it was
 * put. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    unsigned long mask = 1;

#ifndef TWIN
    hidden_call(CALL_SCHED_SETAFFINITY, 0, sizeof mask, (long)&mask, 0);
#else
    __asm__ volatile("" : "+m"(mask));
#endif
    return base_fn(call, team);
}

META_AS_BASE;
