/* SPDX-License-Identifier: Apache-2.0
 *
 * scope.h: what a try is about, and whether it may be tried at all. For ratchet/ only. */
#ifndef PAWL_RATCHET_SCOPE_H
#define PAWL_RATCHET_SCOPE_H

#include "ratchet/ratchet.h"
#include "ratchet/git/repo.h"
#include "ratchet/try/proposal.h"

struct scope {
    char branch[REPO_REF]; /* full name */
    git_oid head;          /* its commit: the attempt's parent */
    git_oid base;          /* commit that the change was made against; mostly head */
    git_oid tree;   /* HEAD's tree with the mutable files alone as they are on disk, or merged */
    git_oid source; /* commit with the mutable files as they were found; all zero: as the attempt
                     * has them */
    struct repo_changes changes; /* found on disk, against base; n = 0: nothing to try */
};

/* Look at HEAD and the mutable files of `folder` (those in its kernel/; NULL = the working tree,
 * which must else be clean). Refusals (ERR_CONFLICT): no branch to move, tracked changes outside
 * the mutable set, untracked files in sealed folders, mutable files that are no regular files,
 * sealed sources of HEAD that are not the judge's. `base` (NULL = HEAD) is what the change was made
 * against: ERR_USAGE when there is no such commit, ERR_CONFLICT when it cannot be merged onto HEAD.
 * No change at all is no refusal here: out->changes.n is 0. Writes blobs, trees and a commit to
 * git's store, nothing else. */
int scope_check(struct ratchet *r, const char *folder, const char *base, struct scope *out);

/* ERR_CONFLICT when the sealed sources of commit `head` are not the judge's. */
int scope_check_judge(struct ratchet *r, const git_oid *head);

/* The same as scope_check for a proposal whose branch has moved to another kernel since it was
 * judged: its change, merged onto where the branch is now. ERR_CONFLICT when it does not merge,
 * when the branch has it already, or when the sealed files changed. */
int scope_follow(struct ratchet *r, const struct proposal *p, struct scope *out);

/* Those files against HEAD's, without the refusals (for `ratchet status`). */
int scope_changes(struct ratchet *r, const char *folder, const git_oid *head,
                  struct repo_changes *out);

#endif
