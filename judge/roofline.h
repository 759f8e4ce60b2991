/* SPDX-License-Identifier: Apache-2.0
 *
 * roofline.h: where a measured case stands under the machine's limits. Floor time = max(compulsory
 * canonical bytes / bandwidth of the level where the working set lives, sum over number types of
 * operations / peak of that type). Source: Williams, Waterman, Patterson 2009. */
#ifndef PAWL_ROOFLINE_H
#define PAWL_ROOFLINE_H

#include "judge/peaks.h"
#include "reference/problem.h"

struct roofline_point {
    double intensity;     /* operations per compulsory byte */
    double ridge;         /* intensity where the two roofs meet, for this case's mix of types */
    double memory_ns, compute_ns, floor_ns;
    double utilisation;   /* floor_ns / measured */
    double distance;      /* measured / floor_ns */
    double gflops, gbps;  /* achieved */
    enum peaks_level level;
    const char *regime;   /* "memory" or "compute": which wall the floor is; "overhead" when the floor is
                           * under 2 us and utilisation under 0.25, where neither wall explains the time */
};

int roofline_locate(const struct judge_peaks *p, const struct problem_case *c, size_t working_set,
                    double measured_ns, struct roofline_point *out);

#endif
