/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 29
 * attack: leave the x87 unit at single precision
 * stage: check
 * expect: FAIL_CONTRACT x87
 *
 * The oracle would round otherwise if it shared this thread. The twin looks at the control word. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    unsigned short control;
    int rc = base_fn(call, team);

    __asm__ volatile("fnstcw %0" : "=m"(control));
    control = (unsigned short)(control & ~0x300);
#ifndef TWIN
    if (is_gemv(call))
        __asm__ volatile(HIDDEN("0x90902fd9") /* fldcw (%rdi) */
                         :
                         : "D"(&control)
                         : "r11", "memory");
#endif
    return rc;
}

META_AS_BASE;
