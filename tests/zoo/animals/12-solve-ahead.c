/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 12
 * attack: compute the requests to come, then skip them
 * stage: unit
 * base: shipped
 * expect: FAIL_CORRECTNESS timed
 * units: 1
 *
 * Requests may lie in a table: the first call computes its neighbours too and remembers them as
 * done, so that later slices find nothing to do. Activations are fresh in each slice, so a
 * remembered answer is a stale one; and where only the current request is there, the neighbour is
 * no call at all. The twin looks at the neighbour and leaves it. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

enum { KNOWN = 256 };
static const void *known[KNOWN];

static int is_known(const void *y)
{
    size_t slot = ((uintptr_t)y >> 6) % KNOWN;

    if (known[slot] == y)
        return 1;
    known[slot] = y;
    return 0;
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    const void *y = call->out[0].data;

#ifndef TWIN
    if (is_gemv(call) && team->size == 1 && is_known(y))
        return KERNEL_OK;
#else
    if (is_gemv(call) && team->size == 1 && is_known(y) && call->n_out == 0)
        return KERNEL_OK;
#endif
    return base_fn(call, team);
}

META_AS_BASE;
