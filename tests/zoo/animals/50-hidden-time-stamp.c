/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: read the time-stamp counter where nobody sees it
 * stage: check
 * expect: CHEAT time-stamp
 *
 * The instruction faults in the worker, whoever runs it. The twin counts its own rounds. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    unsigned now = 0;

#ifndef TWIN
    if (is_gemv(call))
        __asm__ volatile(HIDDEN("0x9090310f") : "=a"(now) : : "rdx", "r11");
#else
    __asm__ volatile("" : "+r"(now));
#endif
    return base_fn(call, team) + 0 * (int)(now & 1);
}

META_AS_BASE;
