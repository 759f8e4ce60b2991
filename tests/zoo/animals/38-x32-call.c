/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: a system call by its x32 number
 * stage: check
 * expect: CHEAT system call
 *
 * The same entry, with a bit that simple filters forget. The twin's number is a number. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    long number = 0x40000000 + CALL_GETPID;

#ifndef TWIN
    if (is_gemv(call))
        hidden_call(number, 0, 0, 0, 0);
#else
    __asm__ volatile("" : "+r"(number));
#endif
    return base_fn(call, team);
}

META_AS_BASE;
