/* SPDX-License-Identifier: Apache-2.0
 *
 * load.h: who used the processors meanwhile. Busy time of all processors comes from /proc/stat, our
 * own from the system's accounts of this process and of its children that have ended: workers and
 * linkers. What is left over was somebody else's. Inside judge/ only. */
#ifndef PAWL_LOAD_H
#define PAWL_LOAD_H

#include <stdbool.h>

struct load {
    bool known;
    double steal, busy, total; /* seconds of all processors since the system's start; busy: without
                                  idling and what the hypervisor stole */
    double own;                /* seconds of this process and its ended children */
};

/* Children count once they are gone, so close the workers first. Never fails: see `known`. */
void load_read(struct load *out);

/* Shares of all processors' time between two readings: stolen by other guests of the host, and used
 * by processes that are neither the judge nor its children. -1: unknown. */
void load_shares(const struct load *before, const struct load *after, double *steal,
                 double *disturbed);

#endif
