/* SPDX-License-Identifier: Apache-2.0
 *
 * variants.h: one case with one pattern, run in every way that must not matter: teams of one, two,
 * three and all threads, buffers right behind and right before a guard page, a second time. The
 * first run is held against the oracle, the others must agree with it bit for bit. Inside
 * judge/check/ only; one thread at a time per rig. */
#ifndef PAWL_VARIANTS_H
#define PAWL_VARIANTS_H

#include "judge/check/compare.h"
#include "judge/check/rig.h"

/* What went wrong, and where to look. */
struct finding {
    struct judge_fault fault;
    struct judge_check_region region; /* n_cells 0: it is not about values */
};

/* Which way and how thoroughly. */
struct variants_job {
    const struct problem_case *c;
    uint64_t seed;       /* of the inputs */
    uint64_t check_seed; /* of the whole check, which a message names: it repeats everything */
    enum problem_pattern pattern;
    bool all;      /* else: one thread right, all threads left */
    bool unjudged; /* values are another pass's business: run once, look for faults only */
};

/* Opens or re-opens the rig where it does not fit. Counts runs and measures into *report and
 * *stats; a kernel that fails is a finding. Error: as rig_open, and ERR_NOMEM. */
int variants_check(struct rig *r, const struct rig_plan *plan, const struct variants_job *job,
                   struct judge_check_case *report, struct compare_stats *stats,
                   struct finding *out);

#endif
