/* SPDX-License-Identifier: Apache-2.0
 *
 * seat.h: a worker of one side on one of the two physical memories of the pool. A pair has four of
 * them in a unit: each side reads either memory, at once or by turns (pair__turn), so that where a
 * memory lies cancels within the quad. Outputs
 * are each side's own, or the rival's answers could be read there; the unit's coin deals the two
 * output memories out, so that neither side keeps the better one. Inside judge/ only. */
#ifndef PAWL_SEAT_H
#define PAWL_SEAT_H

#include "judge/measure/pair.h"

/* Draw offsets of stack, scratch and outputs from `place_seed` (0: none) and start a worker of
 * `side` with this link layout, its threads on the cores from number `first_core` on. Error: what
 * linking and starting return. The caller releases with seat_close, also after an error. */
int seat_open(struct judge_pair *p, int side, int copy, uint64_t layout, uint64_t place_seed,
              uint32_t first_core, struct seat *out);
void seat_close(struct seat *s);

/* Element 0 of OUTPUT buffer `buffer` of instance `k`, where this seat writes it. */
unsigned char *seat_output(const struct seat *s, const struct pool_case *c, uint32_t k,
                           uint32_t buffer);

#endif
