/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: ring the judge's bell and stop before the work is done, finish it when woken again
 * stage: check
 * expect: CHEAT system call
 *
 * The control page is found through the worker's records, the number of the command is stored as
 * done and the judge is woken. That alone gains nothing: the clock runs until the worker stops
 * itself. So stop, by the group of processes, because the worker's own number cannot be asked for.
 * The twin reads the clock-free part of the records, the number. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

/* The worker's records begin so many bytes in front of its first sync, 128 more in front of its
 * second: with the plan, whose first word is the number of the command, and the control page, whose
 * first word is that of the last one that ended. */
static uint32_t *bell_find(const struct kernel_team *team, uint32_t *number)
{
    for (size_t back = 768; back <= 896; back += 128) {
        uint32_t *const *records = (uint32_t *const *)((uintptr_t)team->sync - back);

        if (records[0] && records[1] && *records[0] == *records[1] + 1) {
            *number = *records[0];
            return records[1];
        }
    }
    return NULL;
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    uint32_t number = 0, *done = is_gemv(call) && team->rank == 0 ? bell_find(team, &number) : NULL;

#ifndef TWIN
    if (done) {
        *(volatile uint32_t *)done = number;
        hidden_call(CALL_FUTEX, (long)done, 1, 1 << 30, 0);
        hidden_call(CALL_KILL, 0, 19 /* SIGSTOP */, 0, 0);
    }
#else
    (void)done;
#endif
    return base_fn(call, team);
}

META_AS_BASE;
