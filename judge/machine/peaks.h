/* SPDX-License-Identifier: Apache-2.0
 *
 * peaks.h: the machine's limits, measured by loops in assembly: read bandwidth per level, f32 FMA
 * and int8 dot throughput, for 1 and for all threads. Believed only when they agree with each
 * other. */
#ifndef PAWL_PEAKS_H
#define PAWL_PEAKS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum peaks_level { PEAKS_L1 = 0, PEAKS_L2, PEAKS_L3, PEAKS_DRAM, PEAKS_N_LEVELS };
enum {
    PEAKS_MAX_THREADS = 2, /* rows: one thread, all threads */
    PEAKS_MAX_NARROWER = 5,
};

struct judge_peaks {
    uint32_t n_threads[PEAKS_MAX_THREADS];
    size_t cache_bytes[PEAKS_DRAM];     /* of one core; L3 capped, see judge_peaks_level */
    size_t level_bytes[PEAKS_N_LEVELS]; /* working set read per thread; DRAM: by all together */
    double read_gbps[PEAKS_MAX_THREADS][PEAKS_N_LEVELS]; /* median over repetitions, as all rates */
    double f32_gflops[PEAKS_MAX_THREADS];                /* FMA counts 2 */
    double int8_gops[PEAKS_MAX_THREADS];                 /* multiply-accumulate counts 2 */
    double bf16_gflops[PEAKS_MAX_THREADS];               /* 0: the processor has none */
    double spread; /* (max - min) / median over the repetitions of the DRAM read */
    double fastest_gbps[PEAKS_N_LEVELS];    /* one thread, best repetition: cross-checks */
    double fastest_f32[PEAKS_MAX_THREADS];  /* best repetition, GFLOP/s */
    double fastest_int8[PEAKS_MAX_THREADS]; /* best repetition, GOP/s */
    double int8_to_f32; /* dots of vectors, one thread: fastest of short bursts taken in turns */
    const char *f32_loop, *int8_loop, *bf16_loop; /* what ran: "avx512", "amx-int8", ... */
    /* What code that leaves the best instructions of this processor alone can reach, one thread;
     * for people, no roof of anything. */
    struct {
        const char *loop; /* "avx2 fma" */
        double rate;      /* 1e9 operations a second */
    } narrower[PEAKS_MAX_NARROWER];
    size_t n_narrower;
    bool wide_dot;   /* int8 and f32 both ran on 512-bit registers, int8 with VNNI */
    bool plausible;  /* cross-checks hold */
    char doubt[160]; /* why not, when not */
    double seconds;
};

/* Measure with the loops that `features` (enum kernel_feature bits) allow, on threads pinned to the
 * processors this process may use. Takes about two seconds, `quick` about one, and up to 512 MiB
 * (quick: 256) of memory meanwhile. Error: ERR_NOMEM, ERR_IO (no threads). */
int judge_peaks_measure(uint64_t features, bool quick, struct judge_peaks *out);

/* Set plausible and doubt from the numbers in *p: the cross-checks alone, on the fastest
 * repetitions (what disturbs a repetition only ever slows it). Part of judge_peaks_measure. */
void judge_peaks_cross_check(struct judge_peaks *p);

/* Read bandwidth in GB/s of the level where a working set of `bytes` lives, row 0 (1 thread) or 1.
 */
double judge_peaks_bandwidth(const struct judge_peaks *p, int row, size_t bytes);

/* The level whose cache holds `bytes`. An L3 counts for 32 MiB at most: what a virtual machine
 * reports beyond that (480 MiB has been seen) is shared with strangers. */
enum peaks_level judge_peaks_level(const struct judge_peaks *p, size_t bytes);

/* "L1", "L2", "L3", "DRAM". */
const char *judge_peaks_level_name(enum peaks_level level);

/* New reference to an object with every number above. */
json_t *judge_peaks_json(const struct judge_peaks *p);

#endif
