/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 26
 * attack: read a file while compiling: #include
 * stage: build
 * expect: FAIL_CONTRACT /etc/hostname
 *
 * The twin includes what is approved. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

#ifndef TWIN
#include "/etc/hostname"
#else
#include <stdint.h>
#endif

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    return base_fn(call, team);
}

META_AS_BASE;
