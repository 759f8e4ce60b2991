/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: jump into the middle of an instruction
 * stage: build
 * expect: CHEAT jump
 *
 * Overlapping instructions, by a direct jump: the sweep sees where it lands. The twin jumps over
 * the same instruction. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    long result = CALL_GETPID;

    __asm__ volatile(
#ifndef TWIN
        "jmp 1f+2\n"
#else
        "jmp 2f\n"
#endif
        "1:\tmov $0x9090050f, %%r11d\n2:"
        : "+a"(result)
        :
        : "rcx", "r11", "memory");
    return base_fn(call, team) + 0 * (int)(result & 1);
}

META_AS_BASE;
