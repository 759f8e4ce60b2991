/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 1
 * attack: define the clock the judge would read
 * stage: build
 * expect: FAIL_CONTRACT clock_gettime
 *
 * A clock_gettime of the kernel's own, visible to the dynamic linker, that a judge in the same
 * process would call. The twin's is static. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

#ifndef TWIN
__attribute__((visibility("default"))) int clock_gettime(int which, long *out);
int clock_gettime(int which, long *out)
#else
static int clock_gettime(int which, long *out)
#endif
{
    out[0] = which;
    out[1] = 1;
    return 0;
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    long now[2];

    return base_fn(call, team) + clock_gettime(0, now);
}

META_AS_BASE;
