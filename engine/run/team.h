/* SPDX-License-Identifier: Apache-2.0
 *
 * team.h: the threads that run kernel calls. The caller is rank 0; the others are pinned, one per
 * core, performance cores first, and wait between jobs: a short spin, then sleep (futex). A job is
 * a list of calls; every thread runs its share of each, with a barrier between calls; a call of a
 * few kilobytes runs on rank 0 alone. Only the engine includes this. */
#ifndef PAWL_TEAM_H
#define PAWL_TEAM_H

#include "kernel/kernel.h"

struct team;

/* A team of n_threads (>= 1) with scratch_bytes each. One thread means no thread is started.
 * Errors: ERR_RANGE, ERR_NOMEM, ERR_IO (no thread). */
int team_open(uint32_t n_threads, uint64_t features, size_t scratch_bytes, struct team **out);
void team_close(struct team **t);

/* Run calls[0..n-1] in order; returns when all are done. One thread at a time may run a team;
 * allocates nothing. Error: ERR_UNSUPPORTED naming the operation the kernel refused. */
int team_run(struct team *t, const struct kernel_call *const *calls, size_t n);

/* Since open, of each operation: wall-clock nanoseconds, the barrier behind a call included, and
 * calls. [KERNEL_N_OPS], borrowed. */
const uint64_t *team_op_ns(const struct team *t);
const uint64_t *team_op_calls(const struct team *t);

/* Threads when the user says nothing: one per performance core. */
uint32_t team_default_threads(void);

/* "gemm", "attention", ... of enum kernel_op. */
const char *team_op_name(uint32_t op);

#endif
