/* SPDX-License-Identifier: Apache-2.0
 *
 * runner.h: one case, ready to be run over and over in a worker of its own, for whoever wants to
 * look at it while it runs: sampler, tracer, budget. Never timed for a verdict. The worker has all
 * its walls but one: it may be inspected from outside. Inside judge/ only; one thread. */
#ifndef PAWL_RUNNER_H
#define PAWL_RUNNER_H

#include "judge/judge.h"
#include "judge/worker/fault.h"
#include "judge/worker/request.h"

#include <sys/types.h>

struct runner;

/* How a runner differs from a plain one; all zero is plain. */
struct runner_spec {
    const char *object;  /* NULL: the build in the compiler's own layout */
    size_t extra_output; /* bytes beside the outputs that the object writes, see runner_extra */
    bool sanitized;      /* see side_spec */
};

/* Generate the case's inputs, let the kernel prepare its private bytes, and lay out as many copies
 * of them as the timed pool has (32 MiB at most), so that requests find cold memory as when timed.
 * The build must stay open. What the kernel does wrong is a fault; *out is then NULL. Error: what
 * starting a worker returns. */
int runner_open(struct judge_build *b, const struct judge_options *o, const struct problem_case *c,
                const struct runner_spec *spec, struct runner **out, struct judge_fault *fault);
void runner_close(struct runner **r);

/* Carry out `count` requests in turn; *ns is the time by the judge's clock. */
int runner_run(struct runner *r, uint32_t count, double *ns, struct judge_fault *fault);

/* Team size, and process. */
uint32_t runner_threads(const struct runner *r);
pid_t runner_pid(const struct runner *r);

/* The extra output: one area for all instances, spec.extra_output bytes, zero until written. The
 * object finds it in the last, unused output tensor of each call; its scratch is RUNNER_EXTRA_SCRATCH
 * bytes longer than the kernel asked for. NULL when none was asked for. */
enum { RUNNER_EXTRA_SCRATCH = 64 };
unsigned char *runner_extra(struct runner *r);

#endif
