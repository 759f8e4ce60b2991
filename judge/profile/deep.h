/* SPDX-License-Identifier: Apache-2.0
 *
 * deep.h: the time of every barrier, chunk and call of each thread. The contract has no hooks for
 * that and needs none: the same sources are compiled against the sealed kernel.h with a few lines
 * around its barrier and its chunk counter, which read the time-stamp counter and write into a log
 * that lies beside the outputs. A worker that loads such an object keeps its clocks, as the one for
 * sanitized objects does; it has every other wall. Inside judge/ only. */
#ifndef PAWL_DEEP_H
#define PAWL_DEEP_H

#include "judge/judge.h"
#include "judge/profile/trace.h"
#include "judge/worker/fault.h"

struct strbuf;

struct deep {
    char folder[512]; /* ours, below the work folder; removed by deep_deinit */
    char object[600]; /* the traced object */
    char reason[256]; /* "" or "unavailable: ..." */
};

/* What one traced case showed, means over calls, nanoseconds of thread time. */
struct deep_case {
    char reason[256];
    uint32_t n_calls, n_threads;
    double call_ns;              /* from the first thread's start to the last thread's end */
    double busy_ns;              /* all threads together: neither in barriers nor done early */
    double barrier_ns;           /* all threads together, waiting in barriers */
    double late_ns;              /* all threads together, from the first one's start to their own */
    double idle_ns;              /* all threads together, from their own end to the last one's */
    double n_chunks, n_barriers; /* of all threads, a call */
    double chunk_ns, chunk_max_ns;
};

/* Compile the staged sources (judge_build_folder) with hooks. A compiler that refuses is a reason.
 * Error: ERR_IO, ERR_NOMEM. Released by deep_deinit. */
int deep_init(const struct judge_build *b, const struct judge_options *o, struct deep *out);
void deep_deinit(struct deep *d);

/* Run a few calls of a case; spans go to the trace as process `process`. What the traced kernel does
 * wrong is a reason, for the kernel itself has been checked elsewhere. Error: ERR_IO, ERR_NOMEM. */
int deep_take(const struct deep *d, struct judge_build *b, const struct judge_options *o,
              const struct problem_case *c, struct trace *t, uint32_t process,
              struct deep_case *out);

/* A table of n cases with a closing line. */
void deep_print(const struct deep_case *all, const char *const *names, size_t n,
                struct strbuf *out);

#endif
