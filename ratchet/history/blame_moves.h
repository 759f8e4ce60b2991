/* SPDX-License-Identifier: Apache-2.0
 *
 * blame_moves.h: lines that one commit takes away in one place and adds in another. For blame.c
 * only. */
#ifndef PAWL_RATCHET_BLAME_MOVES_H
#define PAWL_RATCHET_BLAME_MOVES_H

#include "ratchet/history/blame.h"

/* Stretches of lines. Lines are borrowed: those of `gone` are read, of `come` the origin is set. */
struct stretch {
    struct blame_line *lines;
    size_t n;
};

struct moves {
    struct stretch *gone, *come;
    size_t n_gone, n_come;
};

/* Append a stretch to either side; n = 0 does nothing. */
void moves_gone(struct moves *m, struct blame_line *lines, size_t n);
void moves_come(struct moves *m, struct blame_line *lines, size_t n);

/* Give the lines that come the origin of lines that went, where runs of them are the same but for
 * white space at their ends and hold at least MOVES_SIGNIFICANT letters and digits; each line that
 * went serves once, the longest run first come. */
enum { MOVES_SIGNIFICANT = 20 };
void moves_match(struct moves *m);
void moves_deinit(struct moves *m);

#endif
