/* SPDX-License-Identifier: Apache-2.0
 *
 * standing.h: the evidence for plateau.h, out of the ledger: share and distance of each operation,
 * and how its last attempts went. For ratchet/ only. */
#ifndef PAWL_RATCHET_STANDING_H
#define PAWL_RATCHET_STANDING_H

#include "ratchet/agent/plateau.h"
#include "ratchet/ratchet.h"

struct standing {
    size_t n;
    struct plateau_op op[PLATEAU_MAX_OPS];
};

/* Every operation that takes time, or `focus` alone, with share 1. An attempt counts for the
 * operation of its focus, else for the one its hypothesis names first, else for all; those without
 * a verdict on the kernel (interrupted, unfit machine) count for none, nor do other judges'. Errors:
 * those of reading the ledger. */
int standing_read(struct ratchet *r, const char *focus, struct standing *out);

/* Was there a verdict on the kernel at all? */
bool standing_counts(const struct ratchet *r, const struct ledger_row *row);

/* Could the judge say nothing at all? */
bool standing_unable(const struct ledger_row *row);

/* How much of `whole` (an operation or a case, NULL: everything) an experiment with `focus` ("": none)
 * was about: a share of inference time, 0..1. */
double standing_share(const char *whole, const char *focus);

/* Did a crash end the attempt? */
bool standing_interrupted(const struct ledger_row *row);

#endif
