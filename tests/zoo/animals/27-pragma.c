/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 27
 * attack: ask the compiler about a file by a pragma
 * stage: build
 * expect: FAIL_CONTRACT #pragma GCC dependency
 *
 * Whether a file is there, and how old it is, decides what is compiled. The twin's pragma unrolls a loop. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

#ifndef TWIN
#pragma GCC dependency "/etc/hostname"
#endif

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    volatile int sum = 0;

#pragma GCC unroll 4
    for (int i = 0; i < 8; i++)
        sum = sum + i;
    return base_fn(call, team);
}

META_AS_BASE;
