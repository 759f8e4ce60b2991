/* SPDX-License-Identifier: Apache-2.0
 *
 * space.h: what a search moves and how far: a grid of integers, and each TUNABLE's way into the unit
 * cube, where distances mean what they mean to a kernel. A range that spans a factor of 16 or more
 * is logarithmic (from 64 to 128 is as far as from 4096 to 8192), with 0 = "off" one step below
 * the least value; a narrow one is linear. */
#ifndef PAWL_RATCHET_SPACE_H
#define PAWL_RATCHET_SPACE_H

#include "ratchet/search/tunables.h"

#include <stdbool.h>

enum { SPACE_MOST = 64 };

struct space_axis {
    char name[TUNABLE_NAME];
    int64_t low, high, step; /* low, low + step, ... up to high */
    bool log;
    bool fixed_step; /* the step was asked for */
};

struct space {
    size_t n;
    struct space_axis axis[SPACE_MOST];
};

/* Values in the order of the axes. */
struct point {
    int64_t v[SPACE_MOST];
};

/* The space of those TUNABLEs. `over` "A,B" selects; NULL selects all that can move. `range`
 * "A=1..64,B=0..8192:64" (NULL = none) narrows what was selected. Errors: ERR_USAGE naming the part
 * that is wrong, ERR_RANGE for more than SPACE_MOST. */
int space_select(const struct tunables *t, const char *over, const char *range, struct space *out);

/* "A=1..64,B=0..8192:64", all that is needed to make the same space again. Appends. */
void space_text(const struct space *s, struct strbuf *out);

/* How many values one axis has. */
uint64_t space_values(const struct space_axis *a);

/* Where a value lies on its axis, 0 at low and 1 at high; a value beyond the range lies beyond.
 * 0.5 where there is only one. */
double space_unit(const struct space_axis *a, int64_t value);

/* The grid's value nearest to u, which is clamped to 0..1. */
int64_t space_value(const struct space_axis *a, double u);

/* The grid's point nearest to p. */
void space_snap(const struct space *s, struct point *p);

void space_to_unit(const struct space *s, const struct point *p, double *u);
bool space_same(const struct space *s, const struct point *a, const struct point *b);

/* "A 16, B 1024": the values that differ from those of `from` (NULL: all). Appends. */
void space_point_text(const struct space *s, const struct point *p, const struct point *from,
                      struct strbuf *out);

#endif
