/* SPDX-License-Identifier: Apache-2.0
 *
 * worktree.h: the only code that writes to the user's files and index. A file is touched only while
 * its bytes are still the ones we expect; everything else is left and named. For ratchet/ only. */
#ifndef PAWL_RATCHET_WORKTREE_H
#define PAWL_RATCHET_WORKTREE_H

#include <git2.h>
#include <stddef.h>

struct strbuf;

/* The branch moved from commit `from` to `to`: bring the index entries of the changed mutable files
 * and of ledger/results.tsv in line, and the files themselves where they still are those of `from`,
 * or of commit `source`, from which `to` was made. All others are the user's newer ones: their names
 * are appended to *left. A worktree that is gone, or not on `branch` any more, is left alone. */
int worktree_advance(const char *worktree, const char *branch, const git_oid *source,
                     const git_oid *from, const git_oid *to, struct strbuf *left);

/* Put each mutable file that differs between commits `head` and `attempt` back to `head`'s bytes,
 * on disk and in the index, where it still is the attempt's (*n_restored counts them). Files left
 * are appended to *left. */
int worktree_restore(const char *worktree, const char *branch, const git_oid *head,
                     const git_oid *attempt, size_t *n_restored, struct strbuf *left);

#endif
