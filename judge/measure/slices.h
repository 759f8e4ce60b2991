/* SPDX-License-Identifier: Apache-2.0
 *
 * slices.h: statistics over the timed slices of many units: what a case took on one side. Used by
 * the trial and by the bench; inside judge/ only. Cases are indices into judge_unit.cases. */
#ifndef PAWL_SLICES_H
#define PAWL_SLICES_H

#include "judge/measure/unit.h"

enum slices_side { SLICES_INCUMBENT = 0, SLICES_CANDIDATE = 1, SLICES_BOTH = 2 };

/* Times of one request, ascending; ns [n]. */
struct slices {
    double *ns;
    size_t n;
};

/* All slices of case `i` on `side` in n_units units. The caller frees with slices_deinit.
 * Error: ERR_NOMEM. */
int slices_collect(const struct judge_unit *units, uint32_t n_units, size_t i,
                   enum slices_side side, struct slices *out);
void slices_deinit(struct slices *s);

/* Ascending. */
void slices_sort(double *x, size_t n);

/* Quantile q in 0..1, interpolated; 0 for no slices. */
double slices_quantile(const struct slices *s, double q);
double slices_mean(const struct slices *s);

/* The guards of a confirmation, which the sequential rule (it speaks of the typical ratio) cannot
 * give. */
struct slices_guard {
    double total_ratio; /* sum of weight x mean candidate time / mean incumbent time; <= 1 passes */
    double
        tail_ratio;   /* 99th percentile candidate / incumbent, times over the incumbent's median */
    size_t n_tail[2]; /* slices past (1 + RULE_TAIL_EXCESS) x that percentile, [slices_side] */
    bool total_ok, tail_ok;
};

/* Judge all slices of n_units units under the weights [units->n_cases]. Error: ERR_NOMEM. */
int slices_guard_check(const struct judge_unit *units, uint32_t n_units, const double *weight,
                       struct slices_guard *out);

#endif
