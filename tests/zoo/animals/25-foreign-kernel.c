/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 25
 * attack: call somebody else's kernel
 * stage: build
 * expect: FAIL_CONTRACT cblas_sgemv
 *
 * An undefined symbol that a library on this machine might supply. The twin's function of that
 * name is its own. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

#ifndef TWIN
float cblas_sgemv(int n);
#else
static float cblas_sgemv(int n)
{
    return (float)n;
}
#endif

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    if (call->n_out > 7 && cblas_sgemv(1) > 2)
        return 2;
    return base_fn(call, team);
}

META_AS_BASE;
