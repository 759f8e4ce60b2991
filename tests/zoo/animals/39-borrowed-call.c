/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: borrow the system call of the harness
 * stage: check
 * expect: CHEAT system call
 *
 * The harness's wait callback is given to the kernel; the first call in it is that of the C
 * library's syscall(), which takes any number. The filter does not ask whose instruction it was.
 * The twin uses the callback for what it is there for. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

#ifndef TWIN
/* The target of the first near call from `code` on. */
static long (*call_find(const unsigned char *code))(long, ...)
{
    int32_t distance;

    while (code[0] != 0xe8)
        code++;
    memcpy(&distance, code + 1, sizeof distance);
    return (long (*)(long, ...))(uintptr_t)(code + 5 + distance);
}
#endif

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
#ifndef TWIN
    if (is_gemv(call))
        call_find((const unsigned char *)(uintptr_t)team->sync->wait)(CALL_GETPID);
#else
    _Atomic uint32_t word = 1;

    team->sync->wait(&word, 0);
#endif
    return base_fn(call, team);
}

META_AS_BASE;
