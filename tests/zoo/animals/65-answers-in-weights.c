/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: write answers into the packed weights
 * stage: check
 * expect: FAIL_CRASH SIGSEGV
 *
 * The packed bytes are this kernel's own, and big enough for every answer. After packing they are
 * read-only. The twin writes them while packing. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    int rc = base_fn(call, team);

#ifndef TWIN
    if (is_gemv(call) && all_written(team))
        ((volatile char *)call->in[1].data)[0] = 1;
#else
    if (call->op == KERNEL_PACK && all_written(team))
        ((volatile char *)call->out[0].data)[0] = ((const char *)call->in[0].data)[0];
#endif
    return rc;
}

META_AS_BASE;
