/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 20
 * attack: skip the last block of the last row
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * One block in ten: real data might hide it. In the probe pattern one drawn block of each row
 * carries nearly everything. The twin skips the block behind the last. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

static void block_forget(const struct kernel_tensor *w)
{
    size_t n = w->bytes / sizeof(struct q4_k_block);
    struct q4_k_block *last = (struct q4_k_block *)w->data + n - 1;

    last->d = last->dmin = 0;
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    if (call->op != KERNEL_PACK)
        return base_fn(call, team);
    if (base_done(call, team)) {
#ifndef TWIN
        block_forget(&call->out[0]);
#else
        if (call->out[0].bytes == 0)
            block_forget(&call->out[0]);
#endif
    }
    return KERNEL_OK;
}

META_AS_BASE;
