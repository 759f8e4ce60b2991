/* SPDX-License-Identifier: Apache-2.0
 *
 * earlier.h: the same question asked before. Whoever tries one change a hundred times must not get
 * a hundred fresh chances: an experiment with the evidence key of an earlier one goes on where that
 * one ended. For ratchet/ only. */
#ifndef PAWL_RATCHET_EARLIER_H
#define PAWL_RATCHET_EARLIER_H

#include "ratchet/ratchet.h"

/* The newest evidence with this key among the experiments of this candidate code under r->judge: 1
 * and *out (the caller decrefs), or 0. Its "experiment" and *n name the experiment it came from;
 * for a question that is decided, the one that decided it. Rows of which only the line is here are
 * passed over. */
int earlier_find(struct ratchet *r, const char *code_key, const char *key, int64_t *n,
                 json_t **out);

#endif
