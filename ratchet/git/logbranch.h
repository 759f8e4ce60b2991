/* SPDX-License-Identifier: Apache-2.0
 *
 * logbranch.h: the branch ratchet-log, which carries every experiment through git. One commit per
 * row (parents: the commit of the row before, and the row's attempt commit; a SEAL row has the
 * sealed commit there); its tree is results.tsv up to that row and details/N.json of that row
 * alone. Date, text and tree follow from the row; author and committer are git's user: the same
 * one writes the same commit again, another one another. Whoever wrote it, trailer Row-Hash holds
 * the row's own hash. For ratchet/ only. */
#ifndef PAWL_RATCHET_LOGBRANCH_H
#define PAWL_RATCHET_LOGBRANCH_H

#include "ratchet/ratchet.h"
#include "ratchet/git/repo.h"

#define LOGBRANCH_REF     "refs/heads/ratchet-log"
#define LOGBRANCH_REMOTES "refs/remotes/*/ratchet-log"

/* Tip of ratchet-log: 1, or 0 when there is none yet. */
int logbranch_tip(git_repository *repo, git_oid *tip);

/* Number of the row a ratchet-log commit is for; 0 when it is none. */
int64_t logbranch_row_of(git_repository *repo, const git_oid *commit);

/* One commit for every row of the ledger that ratchet-log does not have yet. Idempotent.
 * Error: ERR_CONFLICT when somebody else moved the branch. */
int logbranch_sync(struct ratchet *r);

/* Store the tree of a join: tree `base` with ledger/results.tsv holding rows 1..n. */
int logbranch_join_tree(struct ratchet *r, const git_oid *base, int64_t n, git_oid *out);

/* 1 when logbranch_import would write something, else 0. Error: ERR_CONFLICT when HEAD's history
 * joins another row than the ledger has under its number. */
int logbranch_lags(struct ratchet *r);

/* Take over rows that git history carries and the ledger lacks: from ratchet-log here, through the
 * joins of HEAD's first-parent history, or, in a fresh clone, from a remote's ratchet-log. The
 * caller holds the lease. Returns the number of rows. Errors: ERR_INTEGRITY, as in a shallow clone
 * that lacks some of them; ERR_CONFLICT when two histories part ways. */
int logbranch_import(struct ratchet *r);

/* HEAD's results.tsv must not name more rows than the ledger has by then: beginning at row 1 again
 * beside them would lose them. Error: ERR_INTEGRITY. */
int logbranch_covers_head(struct ratchet *r);

/* Commits of rows 1..*n, walking first parents from `tip`; (*out)[k] is row k + 1. Caller frees.
 * Error: ERR_INTEGRITY when they are not one for each row, in order. */
int logbranch_commits(git_repository *repo, const git_oid *tip, git_oid **out, int64_t *n);

#endif
