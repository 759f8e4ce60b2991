/* SPDX-License-Identifier: Apache-2.0
 *
 * profile.h: everything that helps to see why a kernel is as fast as it is, written as files into
 * one folder: time and roofs, assembly, spills, remarks of the vectoriser, ports, counters, hot
 * spots, cache budget, a trace. Each file ends with the wall that is closest and what that
 * suggests; what a missing tool would have told says so and which package has it. Nothing here is
 * evidence for a verdict. Inside judge/ only. */
#ifndef PAWL_PROFILE_H
#define PAWL_PROFILE_H

#include "judge/judge.h"
#include "judge/measure/bench.h"
#include "judge/profile/budget.h"

struct profile_options {
    const struct judge_options *judge;
    const char *folder; /* made when missing */
    uint32_t n_units;   /* of the timed part, >= 1 */
    bool deep;          /* a trace of every barrier and chunk */
};

/* Write the profile of a build that is ok. `bench` is filled with the timed part; when its status
 * is UNIT_FAILED nothing was written, and *summary is NULL. *summary (a new reference) is what
 * summary.json holds: cases, files with their closing lines, and the closing line of the whole.
 * Error: ERR_IO, ERR_NOMEM, and what bench_run returns. */
int profile_write(struct judge_build *b, const struct profile_options *p, struct bench *bench,
                  json_t **summary);

/* The closing line of a bench: the case where most of the mix's time is above its floor, and what
 * its wall suggests. The same words for `judge roofline` and the profile. */
void profile_closing(const struct bench *b, char *out, size_t bytes);

/* The cache budgets of all cases of a bench, [b->n_cases]. A kernel that fails is a fault. */
int profile_budgets(struct judge_build *build, const struct judge_options *o, const struct bench *b,
                    struct budget *out, struct judge_fault *fault);

/* Append the budgets' table for a bench to *out. */
void profile_print_budgets(const struct bench *b, const struct budget *budgets, struct strbuf *out);

#endif
