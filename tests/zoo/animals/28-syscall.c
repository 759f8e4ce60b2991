/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 28
 * attack: a system call by hand
 * stage: build
 * expect: CHEAT syscall
 *
 * The plain instruction, seen in the object. The twin has it in a string. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
#ifndef TWIN
    long result;

    __asm__ volatile("syscall" : "=a"(result) : "a"(CALL_GETPID) : "rcx", "r11", "memory");
    if (result < 0)
        return 2;
#else
    static const volatile char text[] = "\x0f\x05";

    if (text[0] == 1)
        return 2;
#endif
    return base_fn(call, team);
}

META_AS_BASE;
