/* SPDX-License-Identifier: Apache-2.0
 *
 * revision.h: which kernel somebody means: an attempt by its number, what it was tried on, the
 * first kernel, or any commit that git knows by that name. For ratchet/ only. */
#ifndef PAWL_RATCHET_REVISION_H
#define PAWL_RATCHET_REVISION_H

#include "ratchet/ratchet.h"

struct revision {
    git_oid commit;
    int64_t experiment; /* whose attempt it is; 0: named otherwise */
    char label[80]; /* "experiment 34", "what experiment 34 was tried on", "HEAD (0123456789ab)" */
};

/* "34": experiment 34's attempt; "34^": the commit it was tried on; "first": the first kernel, see
 * lineage_first; otherwise what git makes of it (HEAD, a branch, a commit). Errors: ERR_USAGE when
 * there is no such thing, ERR_CONFLICT when its commit is not in this clone, with the remedy. */
int revision_find(struct ratchet *r, const char *name, struct revision *out);

/* 1 when the commit is here; 0 with the reason and the remedy as err_message() when it is not.
 * `what` names it. */
int revision_here(struct ratchet *r, const git_oid *commit, const char *what);

#endif
