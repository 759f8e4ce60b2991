/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 7
 * attack: run while symbols are bound: an ifunc resolver
 * stage: build
 * expect: FAIL_CONTRACT ifunc
 *
 * The twin chooses between the same two functions by the team's features. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

typedef int chosen_type(const struct kernel_call *, const struct kernel_team *);

static int chosen_base(const struct kernel_call *call, const struct kernel_team *team)
{
    return base_fn(call, team);
}

#ifndef TWIN
static chosen_type *resolve(void) __attribute__((used));
static chosen_type *resolve(void)
{
    return chosen_base;
}

static chosen_type chosen __attribute__((ifunc("resolve")));
#else
static int chosen(const struct kernel_call *call, const struct kernel_team *team)
{
    chosen_type *volatile f = team->features & KERNEL_CPU_AVX2 ? chosen_base : base_fn;

    return f(call, team);
}
#endif

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    return chosen(call, team);
}

META_AS_BASE;
