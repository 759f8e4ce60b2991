/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 7
 * attack: run before anybody asked: a constructor
 * stage: build
 * expect: FAIL_CONTRACT .init_array
 *
 * The twin's function is the same and is called by nobody but the kernel. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

static volatile int prepared;

#ifndef TWIN
__attribute__((constructor))
#endif
static void
prepare(void)
{
    int seen = prepared;

    __asm__ volatile("" : "+r"(seen));
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    prepare();
    return base_fn(call, team);
}

META_AS_BASE;
