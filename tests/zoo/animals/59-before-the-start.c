/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: read in front of the activations
 * stage: check
 * expect: FAIL_CRASH SIGSEGV
 *
 * One vector early, harmless almost always. Activations begin at a guard page in one of the
 * placements. The twin reads the first vector. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    const volatile char *x = call->in[0].data;
#ifndef TWIN
    volatile char seen = is_gemv(call) ? x[-64] : 0;
#else
    volatile char seen = x ? x[0] : 0;
#endif

    (void)seen;
    return base_fn(call, team);
}

META_AS_BASE;
