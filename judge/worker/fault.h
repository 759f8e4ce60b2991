/* SPDX-License-Identifier: Apache-2.0
 *
 * fault.h: what a kernel did wrong, as a value: a verdict and a sentence. Functions that run
 * candidate code return 0 and fill a fault when the kernel is to blame, and a negative error when
 * we or the system are. Inside judge/ only. */
#ifndef PAWL_FAULT_H
#define PAWL_FAULT_H

#include "judge/judge.h"
#include "judge/worker/side.h"

#include <stdbool.h>

struct judge_fault {
    bool found;
    enum judge_verdict verdict; /* meaningful when found */
    char message[400];
};

/* Fill *f (printf style, truncated). */
void fault_set(struct judge_fault *f, enum judge_verdict verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "<formatted>: " in front of the message of a found fault. */
void fault_wrap(struct judge_fault *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Fill *f when `r` tells of a crash, a time-out, something forbidden, a sanitizer's complaint or a
 * kernel that returned something but KERNEL_OK. */
void fault_from_result(struct judge_fault *f, const struct side_result *r);

#endif
