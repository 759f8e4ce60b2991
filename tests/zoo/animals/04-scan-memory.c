/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 4
 * attack: look for the answer behind the output
 * stage: check
 * expect: FAIL_CRASH SIGSEGV
 *
 * Walks on from the output, page by page, in search of an expected buffer, a seed or the judge's
 * own notes. Between the buffers lie guard pages, and nothing secret is mapped at all. The twin
 * stays in its output. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

static float look(const float *from, size_t n)
{
    float sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += ((const volatile float *)from)[i];
    return sum;
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    const float *y = call->out[0].data;
    size_t n = call->out[0].bytes / sizeof *y;

    base_fn(call, team);
#ifndef TWIN
    n += 1 << 18;
#endif
    if (is_gemv(call) && all_written(team) && look(y, n) == 1234.5f)
        return 2;
    return KERNEL_OK;
}

META_AS_BASE;
