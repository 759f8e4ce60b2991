/* SPDX-License-Identifier: Apache-2.0
 *
 * apply.h: what follows a verdict. A win becomes commit W and the branch moves by compare-and-swap;
 * anything else puts the mutable files back where they still are the attempt's. All steps may be
 * repeated: doing one twice is doing it once. For ratchet/ only. */
#ifndef PAWL_RATCHET_APPLY_H
#define PAWL_RATCHET_APPLY_H

#include "ratchet/try/proposal.h"

/* Row n is recorded as a win and ratchet-log ends with it: plan W, move the branch, bring index and
 * results.tsv in line, state done. Where an ordinary commit moved the branch meanwhile, and neither
 * kernel nor sealed files changed with it, W goes on top of that. 1 = the branch is at W; 0 = it
 * has another kernel or judge now, or moved each time that W was planned, then nothing in the
 * working tree is touched. `happened` (1024 bytes) gets the sentence for people, `win` W's id. */
int apply_win(struct ratchet *r, const struct proposal *p, char *happened, char win[REPO_HEX]);

/* Row n is recorded and no win: put files back unless `keep_files`, state done. */
int apply_rollback(struct ratchet *r, const struct proposal *p, bool keep_files, char *happened);

/* Finish an apply (attempt n, or 0 for a checkpoint) that recorded "applied": `data` is that state.
 * 1 = the branch is there; 0 = somebody moved it elsewhere, and nothing was done. */
int apply_finish(struct ratchet *r, int64_t n, const char *data, char *happened,
                 char win[REPO_HEX]);

/* The branch of a checkpoint moved elsewhere: say so, state done. */
int apply_forget_checkpoint(struct ratchet *r, char *happened);

#endif
