/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/worker/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void fault_set(struct judge_fault *f, enum judge_verdict verdict, const char *fmt, ...)
{
    va_list ap;

    f->found = true;
    f->verdict = verdict;
    va_start(ap, fmt);
    vsnprintf(f->message, sizeof f->message, fmt, ap);
    va_end(ap);
}

void fault_wrap(struct judge_fault *f, const char *fmt, ...)
{
    char message[sizeof f->message];
    va_list ap;
    size_t n;

    memcpy(message, f->message, sizeof message);
    va_start(ap, fmt);
    vsnprintf(f->message, sizeof f->message, fmt, ap);
    va_end(ap);
    n = strlen(f->message);
    snprintf(f->message + n, sizeof f->message - n, ": %s", message);
}

void fault_from_result(struct judge_fault *f, const struct side_result *r)
{
    if (r->status == SIDE_CRASHED)
        fault_set(f, JUDGE_FAIL_CRASH, "the kernel was %s", r->what);
    else if (r->status == SIDE_TIMEOUT)
        fault_set(f, JUDGE_FAIL_TIMEOUT, "the kernel hangs: %s", r->what);
    else if (r->status == SIDE_FORBIDDEN)
        fault_set(f, JUDGE_CHEAT, "the kernel %s", r->what);
    else if (r->status == SIDE_GHOST)
        fault_set(f, JUDGE_CHEAT, "the kernel works when it is not asked to: %s", r->what);
    else if (r->status == SIDE_UNSOUND)
        fault_set(f, JUDGE_FAIL_CORRECTNESS, "sanitizer: %s", r->what);
    else if (r->returned == KERNEL_UNSUPPORTED)
        fault_set(f, JUDGE_FAIL_CONTRACT, "the kernel says KERNEL_UNSUPPORTED");
    else if (r->returned != KERNEL_OK)
        fault_set(f, JUDGE_FAIL_CONTRACT, "the kernel returned %d", r->returned);
}
