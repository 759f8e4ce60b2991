/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 34
 * attack: try the same change until it wins
 * stage: trial
 * base: tiny
 * expect: SAME_CODE
 * incumbent: twin
 *
 * Another comment, other line numbers, other names: the same machine code is the same question,
 * and here it is even the incumbent's. The twin is that incumbent. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

#ifndef TWIN
/* A hundred and first attempt. */
#define multiply_again multiply_once_more
#endif

static int multiply_again(const struct kernel_call *call, const struct kernel_team *team)
{
    return base_fn(call, team);
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    return multiply_again(call, team);
}

META_AS_BASE;
