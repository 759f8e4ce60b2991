/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 29
 * attack: change the rounding mode in plain sight
 * stage: build
 * expect: CHEAT ldmxcsr
 *
 * Seen in the object. The twin asks for the mode. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    unsigned control;

    __asm__ volatile("stmxcsr %0" : "=m"(control));
#ifndef TWIN
    control |= 0x2000;
    __asm__ volatile("ldmxcsr %0" : : "m"(control));
#endif
    return base_fn(call, team);
}

META_AS_BASE;
