/* SPDX-License-Identifier: Apache-2.0
 *
 * peaks.h: the machine's limits, measured by loops in assembly: read bandwidth per level, f32 FMA and
 * int8 dot throughput, for 1 and for all threads. Believed only when they agree with each other. */
#ifndef PAWL_PEAKS_H
#define PAWL_PEAKS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum peaks_level { PEAKS_L1 = 0, PEAKS_L2, PEAKS_L3, PEAKS_DRAM, PEAKS_N_LEVELS };
enum { PEAKS_MAX_THREADS = 2 }; /* rows: one thread, all threads */

struct judge_peaks {
    uint32_t n_threads[PEAKS_MAX_THREADS];
    size_t level_bytes[PEAKS_N_LEVELS]; /* working set per thread that was read for the level */
    double read_gbps[PEAKS_MAX_THREADS][PEAKS_N_LEVELS];
    double f32_gflops[PEAKS_MAX_THREADS]; /* FMA counts 2 */
    double int8_gops[PEAKS_MAX_THREADS];  /* multiply-accumulate counts 2 */
    double bf16_gflops[PEAKS_MAX_THREADS]; /* 0: the processor has none */
    double spread;                 /* (max - min) / median over the repetitions of the DRAM read */
    bool plausible;                /* cross-checks hold */
    char doubt[160];               /* why not, when not */
    double seconds;
};

/* Measure for `features` (enum kernel_feature bits); takes a few seconds; `quick` about one. */
int judge_peaks_measure(uint64_t features, bool quick, struct judge_peaks *out);

/* Read bandwidth in GB/s of the level where a working set of `bytes` lives, row 0 (1 thread) or 1. */
double judge_peaks_bandwidth(const struct judge_peaks *p, int row, size_t bytes);
enum peaks_level judge_peaks_level(const struct judge_peaks *p, size_t bytes);

json_t *judge_peaks_json(const struct judge_peaks *p);

#endif
