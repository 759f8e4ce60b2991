/* SPDX-License-Identifier: Apache-2.0
 *
 * apply.h: what follows a verdict. A win becomes commit W and the branch moves by compare-and-swap;
 * anything else puts the mutable files back where they still are the attempt's. All steps may be
 * repeated: doing one twice is doing it once. For ratchet/ only. */
#ifndef PAWL_RATCHET_APPLY_H
#define PAWL_RATCHET_APPLY_H

#include "ratchet/ratchet.h"
#include "ratchet/git/repo.h"

/* An attempt as state "proposed" recorded it. Texts are owned. */
struct proposal {
    int64_t n;
    git_oid attempt, parent;
    char branch[REPO_REF];
    char *worktree, *hypothesis, *author, *focus, *time, *kernel, *judge;
};

json_t *proposal_json(const struct proposal *p);
/* 1 when state "proposed" of attempt n could be read, 0 when there is none. */
int proposal_load(struct ratchet *r, int64_t n, struct proposal *out);
void proposal_deinit(struct proposal *p);

/* Row n is recorded as a win and ratchet-log ends with it: plan W, move the branch, bring index and
 * results.tsv in line, state done. 1 = the branch is at W; 0 = somebody else moved it, then nothing
 * in the working tree is touched. `happened` (1024 bytes) gets the sentence for people, `win` W's
 * id. */
int apply_win(struct ratchet *r, const struct proposal *p, char *happened, char win[REPO_HEX]);

/* Row n is recorded and no win: put files back unless `keep_files`, state done. */
int apply_rollback(struct ratchet *r, const struct proposal *p, bool keep_files, char *happened);

/* Finish an apply (attempt n, or 0 for a checkpoint) that recorded "applied": `data` is that state.
 */
int apply_finish(struct ratchet *r, int64_t n, const char *data, char *happened,
                 char win[REPO_HEX]);

#endif
