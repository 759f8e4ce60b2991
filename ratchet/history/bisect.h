/* SPDX-License-Identifier: Apache-2.0
 *
 * bisect.h: where along the line of kernels a case got slower, or faster. First what the ledger
 * says: every win measured the other cases too, also those that it was not about, and a small loss
 * that no veto saw adds up with others. Then, when asked, by measuring: the last kernel beside older
 * ones with the judge of today, the range halved while one half clearly holds the change. Kernels of
 * other times that do not build against today's contract are passed over. Nothing is recorded. For
 * ratchet/ only. */
#ifndef PAWL_RATCHET_BISECT_H
#define PAWL_RATCHET_BISECT_H

#include "ratchet/audit/honesty.h"

/* A case scatters by some 4 % from unit to unit: so many tell it to about 1 %. Without a limit a pair
 * would go on for cases that nobody asked about, until each is shown to be no slower. */
enum { BISECT_UNITS = 40 };

struct bisect_options {
    const char *case_name;
    const char *from, *to; /* revisions on HEAD's line, see revision_find; NULL: first, HEAD */
    const char *features;  /* NULL = all; wins on another path do not count */
    uint32_t max_units;    /* of a stage of one measurement; 0 = BISECT_UNITS */
};

enum bisect_kind {
    BISECT_MEASURED,   /* a win that measured the case */
    BISECT_UNMEASURED, /* a win that did not */
    BISECT_OTHER_PATH, /* a win with other features */
    BISECT_PLAIN,      /* an ordinary commit that changed the kernel: nobody measured */
};

/* A kernel, and what its step from the one before says about the case. */
struct bisect_point {
    git_oid commit;
    int64_t experiment; /* 0: an ordinary commit */
    enum bisect_kind kind;
    char *text;                      /* hypothesis, or the commit's first line */
    double estimate, low, high;      /* of this step, log ratio; NAN unless BISECT_MEASURED */
    struct honesty_sum step, so_far; /* of this step; of all up to it */
};

struct bisect {
    size_t n; /* at least 1; [0] is the kernel that it starts from, no step */
    struct bisect_point *points;
};

/* The kernels of the range with what the ledger says. Errors: ERR_USAGE for a range that is none,
 * ERR_CONFLICT without experiments, those of reading. The caller deinits, also after an error. */
int bisect_open(struct ratchet *r, const struct bisect_options *o, struct bisect *out);
void bisect_deinit(struct bisect *b);

/* Is a step clearly slower (-1) or faster (1)? By three standard errors, because many steps are
 * looked at; 0 otherwise. */
int bisect_clear(const struct honesty_sum *step);

/* Append "experiment 34" or "commit 0123456789". */
void bisect_point_name(const struct bisect_point *p, struct strbuf *out);

/* --- bisect_measure.c --- */

/* One measurement: points[to] against points[from]. */
struct bisect_pair {
    size_t from, to;
    struct honesty_sum change; /* ln(time from / time to): > 0 is faster */
};

struct bisect_skip {
    size_t point;
    char reason[300];
};

struct bisect_found {
    size_t n_pairs, n_skips;
    struct bisect_pair *pairs; /* in the order they were measured */
    struct bisect_skip *skips; /* kernels that could not be measured */
    struct bisect_pair range;  /* what holds the change in the end; one step when it was found */
    bool found;
    char why[400]; /* when it was not: why it cannot tell */
};

/* Measure (each pair minutes; needs the machine to itself). Errors: ERR_CONFLICT when no two kernels
 * of the range can be measured; those of rematch. The caller deinits, also after an error. */
int bisect_measure(struct ratchet *r, const struct bisect_options *o, const struct bisect *b,
                   struct bisect_found *out);
void bisect_found_deinit(struct bisect_found *f);

#endif
