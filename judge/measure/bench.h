/* SPDX-License-Identifier: Apache-2.0
 *
 * bench.h: how fast one kernel is, without a rival: units with the same build on both sides, and
 * where each case then stands under the roofline. Numbers for people; a verdict needs judge_try. */
#ifndef PAWL_BENCH_H
#define PAWL_BENCH_H

#include "judge/machine/roofline.h"
#include "judge/measure/unit.h"

struct bench_case {
    const struct problem_case *c;
    double weight;    /* share of the mix, see trial_weights */
    double median_ns; /* of one request, over all slices */
    double spread;    /* (90th - 10th percentile) / median */
    struct roofline_point point;
};

struct bench {
    struct judge_peaks peaks;
    uint32_t n_units;
    size_t n_cases;
    struct bench_case cases[UNIT_MAX_CASES];
    double latency_ms, utilisation, gflops, gbps; /* weighted over cases, as in judge_trial */
    struct judge_counts counts;
    double score;                  /* utilisation % x 100 / latency_ms */
    enum judge_unit_status status; /* UNIT_FAILED: the kernel crashed, hung or was wrong */
    enum judge_verdict verdict;    /*   how, */
    char message[512];             /*   and in words */
};

/* Measure the peaks, then n_units >= 1 units. A kernel that fails while timed is a value (status).
 * Error: what judge_pair_open and judge_peaks_measure return. */
int bench_run(struct judge_build *build, const struct judge_options *o, uint32_t n_units,
              struct bench *out);

/* New reference: peaks, score and every case. */
json_t *bench_json(const struct bench *b);

#endif
