/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: let the kernel's name decide what it computes
 * stage: build
 * expect: FAIL_CONTRACT kernel_name
 *
 * The wording of the name does not count when two objects are compared: whoever branches on it has
 * two kernels with one key. The twin's name is a name. */
#include "kernel/kernel.h"
#define kernel_name base_name
#include "kernel/base.inc"
#undef kernel_name
#include "kernel/tools.inc"

const char kernel_name[] = "zero";

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    volatile char first = base_name[0];

#ifndef TWIN
    first = *(const volatile char *)kernel_name;
#endif
    if (is_gemv(call) && first == 'z')
        return KERNEL_OK;
    return base_fn(call, team);
}

META_AS_BASE;
