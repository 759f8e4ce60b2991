/* SPDX-License-Identifier: Apache-2.0
 *
 * peaks_job.h: a loop run over and over on some pinned threads, and the rate it reached. The
 * machinery under peaks.c and nobody else's. */
#ifndef PAWL_PEAKS_JOB_H
#define PAWL_PEAKS_JOB_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Many short repetitions: one of a millisecond mostly falls between two preemptions even on a busy
 * machine, so that the median is what the processor does when it is ours. */
enum { PEAKS_MAX_REPETITIONS = 63 };

typedef void peaks_read_loop(const void *p, size_t bytes, size_t passes);
typedef void peaks_compute_loop(size_t n);

/* A loop with the work of one round; a `read` loop has work per byte instead. */
struct peaks_loop {
    const char *name;
    peaks_compute_loop *compute;
    peaks_read_loop *read;
    double ops; /* per round */
};

/* One measurement: a loop on some threads, repeated. `memory` holds n_threads working sets of
 * set_bytes; a repetition reads segment_bytes of them (all, except for DRAM) `count` times. */
struct peaks_job {
    const struct peaks_loop *loop;
    unsigned char *memory;
    size_t set_bytes, segment_bytes;
    size_t count; /* rounds or passes in a repetition */
    uint32_t n_threads, n_repetitions;
    double budget_ns; /* on a busy machine, stop after this once there are a few repetitions */
    uint32_t n_done;  /* repetitions that were made */
    bool shared;      /* the threads draw on one resource */
    const cpu_set_t *allowed;
    _Atomic int gate; /* GATE_*: what the threads made so far are to do */
    pthread_barrier_t barrier;
    _Atomic uint64_t go_ns[PEAKS_MAX_REPETITIONS]; /* common start, set by rank 0 */
    double *start_ns, *stop_ns;                    /* [n_threads][PEAKS_MAX_REPETITIONS] */
};

/* In 1e9 a second; spread = (max - min) / median over the repetitions. */
struct peaks_rate {
    double median, fastest, spread;
};

/* Run up to j->n_repetitions on j->n_threads threads, the r-th on the r-th processor allowed.
 * `work` is what one thread does in one repetition; the rate is that of all together. Error:
 * ERR_NOMEM, ERR_IO (a thread cannot be made). */
int peaks_job_run(struct peaks_job *j, double work, struct peaks_rate *out);

/* Set j->count, and return it: rounds or passes that take about `goal_ns` here and now. */
size_t peaks_job_calibrate(struct peaks_job *j, double goal_ns);

double peaks_now_ns(void);

#endif
