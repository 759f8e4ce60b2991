/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 28
 * attack: a system call spelled in bytes
 * stage: build
 * expect: CHEAT syscall
 *
 * No mnemonic, two numbers. The object is decoded from what it holds. The twin's bytes are a nop. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    long result = CALL_GETPID;

#ifndef TWIN
    __asm__ volatile(".byte 0x0f, 0x05" : "+a"(result) : : "rcx", "r11", "memory");
#else
    __asm__ volatile(".byte 0x0f, 0x1f, 0x00" : "+a"(result));
#endif
    return base_fn(call, team) + 0 * (int)(result & 1);
}

META_AS_BASE;
