/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 31
 * attack: empty the caches for the rival
 * stage: build
 * expect: CHEAT clflush
 *
 * What the other side reads next is evicted, line by line. The instruction is refused; writing
 * over as much memory takes this side's own time, and the same clean-up runs before every slice of
 * either. The twin prefetches. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    const char *w = call->in[0].data;

    for (size_t i = 0; is_gemv(call) && i < call->in[0].bytes; i += 64)
#ifndef TWIN
        __asm__ volatile("clflush (%0)" : : "r"(w + i) : "memory");
#else
        __builtin_prefetch(w + i);
#endif
    return base_fn(call, team);
}

META_AS_BASE;
