/* SPDX-License-Identifier: Apache-2.0
 *
 * roof.h: how far the incumbent is from the roofline, case by case, as the ledger last saw it.
 * Nothing is measured here. For ratchet/ only. */
#ifndef PAWL_RATCHET_ROOF_H
#define PAWL_RATCHET_ROOF_H

#include "ratchet/ratchet.h"

enum { ROOF_MAX_CASES = 64, ROOF_MAX_ROWS = 1000 };

/* One timed case. `experiment` 0: never measured, the reals are NAN. */
struct roof_case {
    const struct problem_case *c;
    int64_t experiment;            /* that saw the incumbent's time last */
    double ns, floor_ns;           /* of one request */
    double utilisation;            /* floor / time; NAN when the floor is not known */
    char regime[16];               /* "memory", "compute", "overhead", "" */
    bool same_machine, same_judge; /* as this one */
};

struct roof {
    size_t n;
    struct roof_case item[ROOF_MAX_CASES]; /* problem_shipped's, in its order */
};

/* Cases with weight (in `focus` when not NULL). For each the newest row that measured it: a WIN's
 * own time, otherwise the time of what it was compared with. Rows of a part of the processor's
 * features are passed over, and nothing before the newest ROOF_MAX_ROWS is looked at. */
int roof_read(struct ratchet *r, const char *focus, struct roof *out);

/* 1 - utilisation, not below 0; NAN when not known. */
double roof_distance(const struct roof_case *c);

#endif
