/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 29
 * attack: leave denormals switched off
 * stage: check
 * base: tiny
 * expect: FAIL_CONTRACT MXCSR
 *
 * Whatever runs next in this thread computes faster and otherwise. The instruction is refused
 * where it is seen, so it is hidden; the state is read from outside while the worker is stopped.
 * The twin looks at the state and leaves it. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    unsigned control;
    int rc = base_fn(call, team);

    __asm__ volatile("stmxcsr %0" : "=m"(control));
    control |= 0x8040;
#ifndef TWIN
    if (is_gemv(call))
        __asm__ volatile(HIDDEN("0x9017ae0f") /* ldmxcsr (%rdi) */
                         :
                         : "D"(&control)
                         : "r11", "memory");
#endif
    return rc;
}

META_AS_BASE;
