/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 7
 * attack: state of its own in every thread
 * stage: build
 * expect: FAIL_CONTRACT .tbss
 *
 * A thread-local counter needs the loader's help and outlives the call. The twin's is on the
 * stack. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
#ifndef TWIN
    static _Thread_local volatile int n_calls;
#else
    volatile int n_calls = 0;
#endif

    n_calls = n_calls + 1;
    return base_fn(call, team);
}

META_AS_BASE;
