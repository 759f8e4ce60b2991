/* SPDX-License-Identifier: Apache-2.0
 *
 * request.h: from a problem's steps to requests a worker understands. The sizes of the kernel's
 * private bytes and of its scratch come from the kernel itself (get_tiling_meta, asked in the
 * worker) and are checked here against the contract's bounds. Inside judge/ only. */
#ifndef PAWL_REQUEST_H
#define PAWL_REQUEST_H

#include "judge/worker/fault.h"
#include "judge/worker/side.h"
#include "reference/problem.h"

/* What one kernel needs for one instance and team size. */
struct request_sizes {
    size_t bytes[PROBLEM_MAX_BUFFERS];      /* every buffer, OPAQUE ones as the kernel wants them */
    size_t page_bytes[PROBLEM_MAX_BUFFERS]; /* PAGES: of one page of one KV head; else 0 */
    uint32_t layout_id[PROBLEM_MAX_BUFFERS]; /* OPAQUE: as declared */
    size_t scratch_bytes[PROBLEM_MAX_STEPS]; /* per thread */
};

/* Ask the kernel behind `s` about every step; uses and overwrites the first n_steps requests of its
 * table. OPAQUE buffers must fit max_bytes and every step must declare the same size and layout id
 * for the same buffer. A kernel that breaks this is a fault. */
int request_sizes_ask(struct side *s, const struct problem_instance *in, uint32_t n_threads,
                      struct request_sizes *out, struct judge_fault *fault);

/* Fill one request: step `step` of `in` with buffer b at WORKER_AT value at[b] (0: NULL). */
void request_fill(const struct problem_instance *in, uint32_t step,
                  const struct request_sizes *sizes, const uint64_t at[PROBLEM_MAX_BUFFERS],
                  struct worker_request *out);

#endif
