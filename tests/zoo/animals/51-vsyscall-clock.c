/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: ask the oldest clock: the vsyscall page
 * stage: check
 * expect: CHEAT system call
 *
 * gettimeofday at its fixed address needs no instruction of ours. The system runs it through the
 * same filter. The twin compares with the address. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    uintptr_t at = 0xffffffffff600000u;

#ifndef TWIN
    long now[2];

    if (is_gemv(call))
        ((int (*)(long *, void *))at)(now, NULL);
#else
    if ((uintptr_t)call == at)
        return 2;
#endif
    return base_fn(call, team);
}

META_AS_BASE;
