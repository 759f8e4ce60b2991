/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 5
 * attack: write a result of its own into inherited descriptors
 * stage: check
 * expect: CHEAT system call
 *
 * Tries every low descriptor. All are closed, and write is not among the calls that are left. The
 * twin writes its sentence into its scratch-free stack. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

static void say(int file, const char *text, long n)
{
#ifndef TWIN
    hidden_call(CALL_WRITE, file, (long)text, n, 0);
#else
    char room[64];

    for (long i = 0; i < n; i++)
        ((volatile char *)room)[i] = (char)(text[i] + file);
#endif
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    for (int file = 0; file < 16; file++)
        say(file, "correct, 0 ns\n", 14);
    return base_fn(call, team);
}

META_AS_BASE;
