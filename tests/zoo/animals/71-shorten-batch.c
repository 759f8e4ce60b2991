/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: tell the worker that the batch is done
 * stage: unit
 * base: shipped
 * expect: FAIL_CORRECTNESS timed
 * units: 1
 *
 * The worker's records lie in the kernel's address space, a little in front of the sync that it is
 * given. A count of one ends the batch after its first request, and the worker rings as if all
 * were done. Any request of a batch may be the one that is verified. The twin looks at the count. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

/* The worker's record of the command at hand lies in front of the sync that every kernel is given:
 * worker_op RUN, reload, team size, base, pool, start, count. */
static uint32_t *command_find(const struct kernel_team *team)
{
    uint32_t *p = (uint32_t *)(void *)team->sync;

    for (int back = 0; back < 96; back++, p--)
        if (p[0] == 2 && p[1] <= 1 && p[2] == team->size && p[4] && p[5] < p[4] && p[6])
            return p;
    return NULL;
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    uint32_t *command = is_gemv(call) && team->rank == 0 ? command_find(team) : NULL;
    volatile uint32_t count = command ? command[6] : 0;

    (void)count;
#ifndef TWIN
    if (command && count > 1)
        command[6] = 1;
#endif
    return base_fn(call, team);
}

META_AS_BASE;
