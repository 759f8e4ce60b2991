/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 18
 * attack: leave the mins out
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * Packing forgets dmin, which is the smaller half of Q4_K's arithmetic. The twin writes the same
 * dmin once more. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    struct q4_k_block *w = call->out[0].data;
    size_t n = call->in[0].bytes / sizeof *w;

    if (call->op != KERNEL_PACK)
        return base_fn(call, team);
    if (base_done(call, team))
        for (size_t i = 0; i < n; i++)
#ifndef TWIN
            w[i].dmin = 0;
#else
            w[i].dmin = ((const struct q4_k_block *)call->in[0].data)[i].dmin;
#endif
    return KERNEL_OK;
}

META_AS_BASE;
