/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: add in the order in which threads arrive
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * Within the tolerance, and another sum every time. Results must have the same bits for every
 * team. The twin adds in a fixed order. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    float *y = call->out[0].data;
    uint32_t bits;

    if (!is_gemv(call) || !base_done(call, team))
        return call->op == KERNEL_PACK ? base_fn(call, team) : KERNEL_OK;
    memcpy(&bits, y, 4);
#ifndef TWIN
    bits ^= team->size > 1;
#endif
    memcpy(y, &bits, 4);
    return KERNEL_OK;
}

META_AS_BASE;
