/* SPDX-License-Identifier: Apache-2.0
 *
 * observed.h: what a search knows: which points were tried and what came of them, on one scale. */
#ifndef PAWL_RATCHET_OBSERVED_H
#define PAWL_RATCHET_OBSERVED_H

#include "ratchet/search/space.h"

enum point_state {
    POINT_MEASURED,
    POINT_INFEASIBLE, /* did not build, or is no correct kernel */
    POINT_PENDING,    /* not judged, but not to be proposed again either */
};

struct observation {
    struct point at;
    enum point_state state;
    double y, se;       /* ln(time / time of the start) and its standard error; MEASURED */
    int64_t experiment; /* of the ledger; 0 for the start */
};

/* Zero-initialise; the caller deinits. Every point is in it once. */
struct observed {
    struct observation *item;
    size_t n;
};

/* Add, or replace what is known about this point. */
void observed_put(struct observed *o, const struct space *s, const struct observation *one);
void observed_deinit(struct observed *o);

/* NULL when the point was not tried. Borrowed until the next put. */
const struct observation *observed_find(const struct observed *o, const struct space *s,
                                        const struct point *p);

size_t observed_count(const struct observed *o, enum point_state state);

#endif
