/* SPDX-License-Identifier: Apache-2.0
 *
 * guard.h: what of a repository nobody but git and its owner should change, as digests taken before
 * and after an agent ran. Landlock keeps the agent from it; this says whether it held, and is all
 * there is where nothing confines it. Refs of the ratchet's own (ratchet-log, refs/pawl/) are not
 * in it: other ratchets move them, and audit proves them. For ratchet/ only. */
#ifndef PAWL_RATCHET_GUARD_H
#define PAWL_RATCHET_GUARD_H

#include "ratchet/ratchet.h"

enum guard_part { GUARD_HEAD, GUARD_REFS, GUARD_INDEX, GUARD_CONFIG, GUARD_FILES, GUARD_N_PARTS };

struct guard {
    char digest[GUARD_N_PARTS][SHA256_HEX];
};

/* Errors: those of reading git. */
int guard_take(struct ratchet *r, struct guard *out);

/* Wins of other ratchets moved the branch, and index and working tree with it: take those parts, all
 * refs among them, from `after`. */
void guard_follow(struct guard *before, const struct guard *after);

/* Append the names of the parts that differ ("HEAD, the index"): true when any does. */
bool guard_differs(const struct guard *before, const struct guard *after, struct strbuf *what);

#endif
