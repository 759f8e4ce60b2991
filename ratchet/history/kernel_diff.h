/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel_diff.h: what changed in the kernel between two attempts, commits, or the first kernel and
 * HEAD: mutable files alone, renames followed, as git's diff library sees it. For ratchet/ only. */
#ifndef PAWL_RATCHET_KERNEL_DIFF_H
#define PAWL_RATCHET_KERNEL_DIFF_H

#include "ratchet/git/repo.h"
#include "ratchet/history/revision.h"

#include "reference/base/strbuf.h"

struct diff_file {
    char path[REPO_REF], old_path[REPO_REF]; /* the same unless it was renamed */
    char status;                             /* A added, D deleted, M changed, R renamed */
    size_t n_added, n_removed;               /* lines */
};

struct history_diff {
    struct revision a, b;
    size_t n_files;
    struct diff_file *files;
    size_t n_added, n_removed; /* lines of all */
    struct strbuf patch;       /* unified, three lines of context, as `git apply` takes it */
};

/* From revision `a` to `b`, named as revision_find takes them. Errors: its own, ERR_IO. The caller
 * deinits *out, also after an error. */
int history_diff(struct ratchet *r, const char *a, const char *b, struct history_diff *out);
void history_diff_deinit(struct history_diff *d);

/* As JSON, patch included (bytes that are no UTF-8 become '?'). The caller decrefs. */
json_t *history_diff_json(const struct history_diff *d);

#endif
