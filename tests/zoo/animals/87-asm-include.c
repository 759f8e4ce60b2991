/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: include a file into the assembly
 * stage: build
 * expect: FAIL_CONTRACT .include
 *
 * Inline assembly is a program text of its own, with includes. The twin's is an instruction. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
#ifndef TWIN
    __asm__ volatile(".include \"/etc/hostname\"");
#else
    __asm__ volatile("nop");
#endif
    return base_fn(call, team);
}

META_AS_BASE;
