/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: read the time-stamp counter
 * stage: build
 * expect: CHEAT rdtsc
 *
 * To be slow only when nobody measures. The twin counts its own rounds. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    volatile uint64_t now;

#ifndef TWIN
    now = __builtin_ia32_rdtsc();
#else
    now = call->n_in;
#endif
    (void)now;
    return base_fn(call, team);
}

META_AS_BASE;
