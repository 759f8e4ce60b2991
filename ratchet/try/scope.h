/* SPDX-License-Identifier: Apache-2.0
 *
 * scope.h: what a try is about, and whether it may be tried at all. For ratchet/ only. */
#ifndef PAWL_RATCHET_SCOPE_H
#define PAWL_RATCHET_SCOPE_H

#include "ratchet/ratchet.h"
#include "ratchet/git/repo.h"

struct scope {
    char branch[REPO_REF]; /* full name */
    git_oid head;          /* its commit: the attempt's parent */
    git_oid tree;          /* HEAD's tree with the mutable files alone as they are on disk */
    struct repo_changes changes;
};

/* Look at HEAD and the mutable files of `folder` (those in its kernel/; NULL = the working tree,
 * which must else be clean). Refusals (ERR_CONFLICT): no branch to move, tracked changes
 * outside the mutable set, untracked files in sealed folders, mutable files that are no regular
 * files, sealed sources of HEAD that are not the judge's. No change at all is no refusal here:
 * out->changes.n is 0. Writes blobs and a tree to git's store, nothing else. */
int scope_check(struct ratchet *r, const char *folder, struct scope *out);

/* Those files against HEAD's, without the refusals (for `ratchet status`). */
int scope_changes(struct ratchet *r, const char *folder, const git_oid *head,
                  struct repo_changes *out);

#endif
