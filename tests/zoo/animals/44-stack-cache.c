/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: remember answers below the stack
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * No writable data, no scratch: what was written far below the stack pointer is still there in the
 * next call. Answers are found by their addresses, which the judge fills with other numbers. The
 * twin clears what it left. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

struct memory {
    uint64_t mark;
    const void *w, *x, *y_at;
    float y[8];
};

static __attribute__((noinline)) int remember(const struct kernel_call *call, int store)
{
    volatile char room[48 << 10];
    struct memory *m = (struct memory *)(((uintptr_t)room + 4096) & ~(uintptr_t)4095);

    __asm__ volatile("" : : "r"(room) : "memory");
    if (store) {
        m->mark = 0x6d656d6f7279;
        m->w = call->in[1].data;
        m->x = call->in[0].data;
        memcpy(m->y, call->out[0].data, call->out[0].bytes);
#ifdef TWIN
        m->mark = 0;
#endif
        __asm__ volatile("" : : "r"(m) : "memory");
        return 0;
    }
    if (m->mark != 0x6d656d6f7279 || m->w != call->in[1].data || m->x != call->in[0].data)
        return 0;
    memcpy(call->out[0].data, m->y, call->out[0].bytes);
    return 1;
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    if (!is_gemv(call) || team->size > 1 || call->out[0].ne[0] > 8)
        return base_fn(call, team);
    if (remember(call, 0))
        return KERNEL_OK;
    base_fn(call, team);
    remember(call, 1);
    return KERNEL_OK;
}

META_AS_BASE;
