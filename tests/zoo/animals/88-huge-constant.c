/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: a constant as large as a disk
 * stage: build
 * expect: FAIL_BUILD 
 *
 * A table of answers for the seeds of a lifetime. Files of the compiler have a limit. The twin's
 * table is small. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

#ifndef TWIN
static const volatile char answers[(size_t)1 << 28] = {1};
#else
static const volatile char answers[1 << 12] = {1};
#endif

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    if (answers[call->n_in] == 2)
        return 2;
    return base_fn(call, team);
}

META_AS_BASE;
