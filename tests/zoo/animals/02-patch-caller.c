/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 2
 * attack: overwrite the code that called the kernel
 * stage: check
 * expect: FAIL_CRASH SIGSEGV
 *
 * The bytes behind the return address would jump over whatever the caller does next. They are
 * mapped without write permission, and no system call can change that. The twin looks at the
 * address alone. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    volatile unsigned char *caller = __builtin_return_address(0);

#ifndef TWIN
    caller[0] = 0x90;
#endif
    return base_fn(call, team) + (caller == 0);
}

META_AS_BASE;
