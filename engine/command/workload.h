/* SPDX-License-Identifier: Apache-2.0
 *
 * workload.h: kernel calls of real inference as a problem's cases (reference/problem.h): the shapes
 * that occurred, each with its share of the time. The judge's weights are meant to be such shares;
 * this is where they come from, and how they compare with the sealed ones. */
#ifndef PAWL_WORKLOAD_H
#define PAWL_WORKLOAD_H

#include "reference/problem.h"

struct workload_entry {
    struct problem_case
        c; /* name, op, params of the operation as reference/inference/cases.c has them; weight:
                            * share of all the time, set by workload_finish */
    char name[96];
    uint64_t ns, calls;
    double n_kv_sum; /* of attention's calls: the parameter n_kv becomes their mean */
};

struct workload; /* in order of the first call until finished, then of the share */

int workload_open(struct workload **out); /* Error: ERR_NOMEM */
void workload_close(struct workload **w);
void workload_clear(struct workload *w);

/* One call that took ns. Calls of the same operation, types and extents are one entry; of
 * attention's, whatever the number of positions. Error: ERR_NOMEM. */
int workload_add(struct workload *w, const struct kernel_call *c, uint64_t ns);

/* Names, means, weights (sum 1), largest first. Entries point at themselves: no add after it. */
void workload_finish(struct workload *w, uint32_t n_threads);
size_t workload_n(const struct workload *w);
const struct workload_entry *workload_at(const struct workload *w, size_t i);
double workload_total_ns(const struct workload *w);

/* Share of the time of operation `op` ("gemv"). */
double workload_op_share(const struct workload *w, const char *op);

/* The timed case of p with the same operation and weight type whose extents are nearest, in the sum
 * of their ratios' logarithms; of another type when none has it; NULL when the operation is not
 * timed. */
const struct problem_case *workload_nearest(const struct problem *p, const struct problem_case *c);

#endif
