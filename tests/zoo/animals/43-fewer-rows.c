/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: make the requests to come smaller
 * stage: unit
 * base: shipped
 * expect: FAIL_CORRECTNESS timed
 * units: 1
 *
 * Requests lie in the worker's memory, one behind the other: with the const cast away, the next
 * one computes half of its rows and knows nothing of it. Any request of a batch may be the one
 * that is verified. The twin shrinks a copy of its own. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

/* As the worker keeps it. */
struct request {
    struct kernel_call call;
    size_t scratch_bytes;
    uint64_t extra_steps;
};

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    int rc = base_fn(call, team);

    if (is_gemv(call) && team->size == 1) {
#ifndef TWIN
        struct request *next = (struct request *)(uintptr_t)call + 1;
#else
        struct request copy = {.call = *call}, *next = &copy;
#endif
        volatile int64_t *rows = &next->call.in[1].ne[1];

        *rows = *rows / 2;
    }
    return rc;
}

META_AS_BASE;
