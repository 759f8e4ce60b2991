/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: mark the next request in the worker's own table as one to skip
 * stage: unit
 * base: shipped
 * expect: FAIL_CORRECTNESS timed
 * units: 1
 *
 * The call that a kernel is given is the worker's record of the request, and the batch lies behind it:
 * memory that no quota counts. Every request of a batch is another one, its output holds a sentinel,
 * and the table is written anew for the next batch. The twin wipes its mark out. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

/* A request: the call, the size of its scratch, extra steps. */
enum { REQUEST_BYTES = sizeof(struct kernel_call) + 16, MARK = 77 };

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    const struct kernel_call *next = (const void *)((uintptr_t)call + REQUEST_BYTES);

    if (!is_gemv(call) || team->size > 1)
        return base_fn(call, team);
    if (call->in[KERNEL_MAX_TENSORS - 1].layout == MARK)
        return KERNEL_OK;
    base_fn(call, team);
    if (is_gemv(next)) {
        volatile uint32_t *mark = (void *)(uintptr_t)&next->in[KERNEL_MAX_TENSORS - 1].layout;

        *mark = MARK;
#ifdef TWIN
        *mark = 0;
#endif
    }
    return KERNEL_OK;
}

META_AS_BASE;
