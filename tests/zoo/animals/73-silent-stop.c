/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: stop before the work is done, without an answer
 * stage: check
 * expect: FAIL_CRASH stopped before
 *
 * As 73-early-stop, but the bell stays silent: a judge that took any stop for an end would read an
 * answer of the command before; one that waited for the bell alone would wait for long. The twin reads
 * the number and does nothing with it. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

/* The worker's records begin so many bytes in front of its first sync, 128 more in front of its
 * second: plan, control page and, behind the members of the team, the number of the process. */
enum { PID_AT = 768 + 1416 };

static uint32_t *bell_find(const struct kernel_team *team, uint32_t *number, long *pid)
{
    for (size_t back = 768; back <= 896; back += 128) {
        uint32_t *const *records = (uint32_t *const *)((uintptr_t)team->sync - back);

        if (records[0] && records[1] && *records[0] == *records[1] + 1) {
            *number = *records[0];
            *pid = *(const int *)((uintptr_t)records + PID_AT);
            return records[1];
        }
    }
    return NULL;
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    uint32_t number = 0, *done = NULL;
    long pid = 0;

    if (is_gemv(call) && team->rank == 0)
        done = bell_find(team, &number, &pid);
#ifndef TWIN
    if (done) {
        hidden_call(CALL_KILL, pid, 19 /* SIGSTOP */, 0, 0);
    }
#else
    (void)done;
#endif
    return base_fn(call, team);
}

META_AS_BASE;
