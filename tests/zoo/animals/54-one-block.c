/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: be right for matrices of one depth
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * With more than one block in a row the second counts for nothing; the shortest case in every list
 * has one. The twin has the same branch. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    struct q4_k_block *w = call->out[0].data;
    int64_t blocks = call->in[0].ne[0] / KERNEL_QK_K;

    if (call->op != KERNEL_PACK)
        return base_fn(call, team);
    if (base_done(call, team) && blocks > 1)
        for (int64_t r = 0; r < call->in[0].ne[1]; r++)
#ifndef TWIN
            w[r * blocks + 1].d = 0;
#else
            w[r * blocks + 1].d = w[r * blocks + 1].d;
#endif
    return KERNEL_OK;
}

META_AS_BASE;
