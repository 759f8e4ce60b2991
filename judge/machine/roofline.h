/* SPDX-License-Identifier: Apache-2.0
 *
 * roofline.h: where a measured case stands under the machine's limits. Floor time = max(compulsory
 * canonical bytes / bandwidth of the level where the working set lives, sum over number types of
 * operations / peak of that type). Source: Williams, Waterman, Patterson 2009. */
#ifndef PAWL_ROOFLINE_H
#define PAWL_ROOFLINE_H

#include "judge/machine/peaks.h"
#include "reference/problem.h"

struct roofline_point {
    double intensity; /* operations per compulsory byte */
    double ridge;     /* intensity where the two roofs meet, for this case's mix of types */
    double memory_ns, compute_ns, floor_ns;
    double best_ns;      /* the floor by the fastest repetitions: see roofline_locate */
    double cheat_ns;     /* no honest kernel is faster: see roofline_locate */
    double utilisation;  /* floor_ns / measured */
    double distance;     /* measured / floor_ns */
    double gflops, gbps; /* achieved; operations of all types together */
    enum peaks_level level;
    const char *regime; /* "memory" or "compute": which wall the floor is; "overhead" when the floor
                         * is under 2 us and utilisation under 0.25, where neither wall explains
                         * the time */
};

/* Locate a case whose request took `measured_ns` while cycling through `working_set` bytes (all
 * threads together; see roofline_working_set). A level private to a core is taken when each
 * thread's share fits it. Roofs of a team of n are min(n x one thread, all threads). best_ns and
 * cheat_ns take n x the fastest repetition of one thread, because a neighbour who disturbs the
 * median of the peaks must not make a kernel look impossible; cheat_ns further takes the
 * bandwidth of L2 (of L1 for sets that L1 holds) and is divided by RULE_CHEAT_PEAK_FACTOR.
 * Error: what compute_flops returns; ERR_RANGE when peaks are missing. */
int roofline_locate(const struct judge_peaks *p, const struct problem_case *c, size_t working_set,
                    double measured_ns, struct roofline_point *out);

/* Canonical bytes a timed case cycles through: its pool, or one hot instance. */
size_t roofline_working_set(const struct problem_case *c);

/* A sentence for people about the wall this point stands at, and what would move it. */
void roofline_advice(const struct roofline_point *r, char *out, size_t bytes);

#endif
