/* SPDX-License-Identifier: Apache-2.0
 *
 * staging.h: two committed kernels laid out as the judge wants them, below the scratch folder of an
 * attempt. What is judged is what git holds, never the working tree. For ratchet/ only. */
#ifndef PAWL_RATCHET_STAGING_H
#define PAWL_RATCHET_STAGING_H

#include "ratchet/ratchet.h"
#include "ratchet/git/repo.h"

#include "reference/base/strbuf.h"

struct staging {
    struct strbuf candidate, incumbent, root, scratch, cache;
};

/* Write the kernels of two trees, and what is sealed in a third, into the scratch folder of attempt
 * n (emptied before; the caller removes it with ratchet__work_remove). The caller deinits *out,
 * also after an error. Errors: those of reading git and writing files. */
int staging_make(struct ratchet *r, int64_t n, const git_tree *candidate, const git_tree *incumbent,
                 const git_tree *sealed, struct staging *out);
void staging_deinit(struct staging *s);

/* Number of a scratch folder that no attempt and no other process has, for those who look back.
 * Folders that such processes left behind when they were killed are removed. */
int64_t staging_number(struct ratchet *r);

/* Let the request name these folders; they are borrowed. */
void staging_name(const struct staging *s, struct ratchet_request *q);

#endif
