/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 22
 * attack: be right for everyday numbers only
 * stage: check
 * expect: FAIL_CORRECTNESS tiny
 *
 * Subnormal scales are taken for zero. The tiny pattern is made of them. The twin takes zero
 * scales for zero. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

static uint16_t scale_flush(uint16_t d)
{
#ifndef TWIN
    return d & 0x7c00 ? d : 0;
#else
    return d & 0x7fff ? d : 0;
#endif
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    struct q4_k_block *w = call->out[0].data;
    size_t n = call->in[0].bytes / sizeof *w;

    if (call->op != KERNEL_PACK)
        return base_fn(call, team);
    if (base_done(call, team))
        for (size_t i = 0; i < n; i++) {
            w[i].d = scale_flush(w[i].d);
            w[i].dmin = scale_flush(w[i].dmin);
        }
    return KERNEL_OK;
}

META_AS_BASE;
