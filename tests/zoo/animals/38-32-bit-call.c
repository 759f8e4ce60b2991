/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: a system call through the 32-bit entry
 * stage: check
 * expect: CHEAT system call
 *
 * int 0x80 has a table of numbers of its own, which a filter for the other one does not know. The
 * twin's number is a number. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    long number = 20; /* getpid, there */

#ifndef TWIN
    if (is_gemv(call))
        __asm__ volatile(HIDDEN("0x909080cd") : "+a"(number) : : "r11", "memory");
#else
    __asm__ volatile("" : "+r"(number));
#endif
    return base_fn(call, team);
}

META_AS_BASE;
