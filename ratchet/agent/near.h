/* SPDX-License-Identifier: Apache-2.0
 *
 * near.h: the attempts on record that are like an idea, see likeness.h. For ratchet/ only. */
#ifndef PAWL_RATCHET_NEAR_H
#define PAWL_RATCHET_NEAR_H

#include "ratchet/agent/context.h"

enum { NEAR_MAX_ROWS = 200 };

/* At most `n` attempts among the newest NEAR_MAX_ROWS, the likest first, each as context_attempt
 * gives it with "similarity". The idea is o->near, or o->focus and o->goal, with what
 * o->near_attempt said and touched. The caller decrefs *out. Errors: those of reading the ledger. */
int near_find(struct ratchet *r, const struct context_options *o, size_t n, json_t **out);

#endif
