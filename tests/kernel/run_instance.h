/* SPDX-License-Identifier: Apache-2.0
 *
 * run_instance.h: run a problem instance in this process, without the judge: buffers that are
 * poisoned before and guarded on both sides, real threads, and the comparison with the oracle. For
 * the tests of kernel/ alone. A failure is a sentence in run.message, not an assertion, so that a
 * caller can say which of its many cases it was. */
#ifndef PAWL_RUN_INSTANCE_H
#define PAWL_RUN_INSTANCE_H

#include "reference/problem.h"

#include <stdbool.h>

enum { RUN_NAN = 0xff };

/* The features of every path, from plain C to tiles; run_has_path: does this machine have it? */
enum { RUN_N_PATHS = 4 };
extern const uint64_t run_paths[RUN_N_PATHS];
bool run_has_path(size_t path);

struct run {
    struct problem_instance *in;      /* borrowed */
    void *block[PROBLEM_MAX_BUFFERS]; /* what was allocated, NULL for inputs */
    struct kernel_tensor tensor[PROBLEM_MAX_BUFFERS];
    char message[400]; /* "" while all is well */
};

/* Run every step of `in` with `n_threads` threads and the given features. Outputs start `shift`
 * bytes (0, 4, 8, ...) past a 64-byte boundary; they and the opaque buffers are filled with the
 * byte `fill` before (RUN_NAN makes NaN of every float type). False, with a message, when the
 * kernel refuses a step, declares too many bytes or writes outside of a buffer. Release with
 * run_deinit either way. */
bool run_instance(struct run *r, struct problem_instance *in, uint64_t features, uint32_t n_threads,
                  size_t shift, unsigned char fill);

/* The checked call of a run, its tensors in place: for tests that vary it. */
struct kernel_call run_last_call(const struct run *r);

/* Compare all outputs with reference_fn. */
bool run_matches_oracle(struct run *r);

/* Are all outputs of two runs of one instance the same bytes? The message goes to `a`. */
bool run_same_outputs(struct run *a, const struct run *b);

void run_deinit(struct run *r);

/* One call in a team of `n_threads` real threads; scratch as get_tiling_meta asks for it. Returns
 * what kernel_fn returned, or -1 when the threads disagree. */
int run_call(const struct kernel_call *call, uint64_t features, uint32_t n_threads);

#endif
