/* SPDX-License-Identifier: Apache-2.0
 *
 * proposal.h: what is tried, as the ledger's state "proposed" keeps it: enough to carry the attempt
 * to its end after a crash. For ratchet/ only. */
#ifndef PAWL_RATCHET_PROPOSAL_H
#define PAWL_RATCHET_PROPOSAL_H

#include "ratchet/ratchet.h"
#include "ratchet/git/repo.h"

/* An attempt as state "proposed" recorded it. Texts are owned. */
struct proposal {
    int64_t n;
    git_oid attempt, parent;
    git_oid source; /* commit with the mutable files as they were found: the attempt, unless that
                     * was merged from them */
    char branch[REPO_REF];
    char *worktree, *hypothesis, *author, *focus, *time, *kernel, *judge;
    char *origin; /* of ratchet_try_options; "" = none */
};

json_t *proposal_json(const struct proposal *p);
/* 1 when state "proposed" of attempt n could be read, 0 when there is none. */
int proposal_load(struct ratchet *r, int64_t n, struct proposal *out);
void proposal_deinit(struct proposal *p);

#endif
