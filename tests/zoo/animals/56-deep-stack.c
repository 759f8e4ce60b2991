/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: use more stack than there is
 * stage: check
 * expect: FAIL_CRASH SIGSEGV
 *
 * The twin is less deep. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

static __attribute__((noinline)) int dig(volatile char *above, int depth)
{
    volatile char room[4096];

    room[0] = above[0];
    return depth ? dig(room, depth - 1) + room[0] : 0;
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    volatile char zero = 0;
#ifndef TWIN
    int depth = 1 << 20;
#else
    int depth = 4;
#endif

    return base_fn(call, team) + dig(&zero, depth);
}

META_AS_BASE;
