/* SPDX-License-Identifier: Apache-2.0
 *
 * budget.h: the buffers that a kernel says it works on (get_tiling_meta), held against the caches:
 * what fits where, what is read again and what that costs at the measured bandwidth. The kernel's
 * own words, checked by nobody: for its author to reason with, never for a score. Inside judge/
 * only. */
#ifndef PAWL_BUDGET_H
#define PAWL_BUDGET_H

#include "judge/judge.h"
#include "judge/machine/peaks.h"
#include "judge/worker/fault.h"

#include <stdio.h>

struct strbuf;

struct budget_buffer {
    size_t bytes;           /* resident while a tile is worked on */
    uint32_t n_reads;       /* of each byte in a call */
    enum peaks_level level; /* where it lives, next to those read more often */
    double again_bytes;     /* at least so many are read again in a call */
    double again_ns;        /* at the bandwidth of one thread from that level */
};

struct budget {
    const struct problem_case *c;
    uint32_t n_buffers; /* 0: the kernel declares none */
    struct budget_buffer buffers[KERNEL_MAX_BUFFERS];
    uint32_t tile_m, tile_n, tile_k, n_vector_regs;
    size_t resident_bytes, scratch_bytes; /* of all buffers; per thread */
    enum peaks_level level;               /* where all of them together live */
    double again_ns;
};

/* From a declaration. The buffer read most often has the innermost cache first, as it would under
 * any sensible replacement. Takes whatever a hostile kernel declares. */
void budget_fill(const struct problem_case *c, const struct kernel_tiling *t,
                 const struct judge_peaks *p, struct budget *out);

/* Ask the kernel, in a worker, about the last step of a case. What it does wrong is a fault. */
int budget_ask(struct judge_build *b, const struct judge_options *o, const struct problem_case *c,
               struct kernel_tiling *out, struct judge_fault *fault);

/* A table of n budgets; ns[i] is the measured time of case i. Ends with a closing line. */
void budget_print(const struct budget *all, const double *ns, size_t n, const struct judge_peaks *p,
                  struct strbuf *out);

/* New reference: one budget. */
json_t *budget_json(const struct budget *b);

#endif
