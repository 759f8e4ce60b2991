/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 21
 * attack: change the activations
 * stage: check
 * expect: FAIL_CRASH SIGSEGV
 *
 * So that a reference computed afterwards from the same bytes agrees. Inputs are mapped read-only.
 * The twin changes a copy. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    if (is_gemv(call) && team->rank == 0) {
#ifndef TWIN
        struct q8_k_block *x = call->in[0].data;
#else
        struct q8_k_block copy, *x = &copy;

        memcpy(&copy, call->in[0].data, sizeof copy);
#endif
        *(volatile float *)&x->d = 0;
    }
    return base_fn(call, team);
}

META_AS_BASE;
