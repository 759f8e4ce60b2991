/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: answer and stop before the work is done, by the one signal that the worker may send
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * The worker stops itself when it has answered, and its filter must let it; its own number, which
 * that takes, lies in its records. So the kernel rings and stops in the worker's place, and works on
 * when the next command wakes it. The judge believes the stop, and reads the outputs there and then.
 * The twin reads the number and does nothing with it. */
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
        *(volatile uint32_t *)done = number;
        hidden_call(CALL_FUTEX, (long)done, 1, 1 << 30, 0);
        hidden_call(CALL_KILL, pid, 19 /* SIGSTOP */, 0, 0);
    }
#else
    (void)done;
#endif
    return base_fn(call, team);
}

META_AS_BASE;
