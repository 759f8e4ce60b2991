/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 33
 * attack: one case in no time sinks every mean
 * stage: unit
 * base: shipped
 * expect: FAIL_CORRECTNESS timed
 * units: 1
 *
 * Quantisation returns at once after the check's number of calls: a ratio without bound in one
 * small case. The twin returns at once where there is nothing to quantise. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

static uint32_t n_quantized;

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    if (call->op == KERNEL_QUANTIZE && team->size == 1) {
#ifndef TWIN
        if (++n_quantized > 30)
#else
        if (++n_quantized > 30 && call->in[0].ne[1] == 0)
#endif
            return KERNEL_OK;
    }
    return base_fn(call, team);
}

META_AS_BASE;
