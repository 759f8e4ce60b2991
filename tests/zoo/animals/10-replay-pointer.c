/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 10
 * attack: remember answers by the addresses of the inputs
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * The judge fills the same places with other numbers. The twin remembers within one call. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

struct memory {
    const void *w, *x;
    float y[8];
};

#ifndef TWIN
static struct memory memory;
#endif

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
#ifdef TWIN
    struct memory memory = {0};
#endif
    float *y = call->out[0].data;

    if (!is_gemv(call) || team->size > 1 || call->out[0].ne[0] > 8)
        return base_fn(call, team);
    if (memory.w == call->in[1].data && memory.x == call->in[0].data) {
        if (team->rank == 0)
            memcpy(y, memory.y, call->out[0].bytes);
        return KERNEL_OK;
    }
    if (base_done(call, team)) {
        memory.w = call->in[1].data;
        memory.x = call->in[0].data;
        memcpy(memory.y, y, call->out[0].bytes);
    }
    return KERNEL_OK;
}

META_AS_BASE;
