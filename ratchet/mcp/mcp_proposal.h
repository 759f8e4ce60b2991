/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp_proposal.h: one change of the kernel that a client has described and may check and try, kept
 * in <store>/mcp/<name>/: kernel/ holds the mutable files as they would be, proposal.json says why
 * and on which commit. No branch and no working tree knows of it. For ratchet/mcp/ only. */
#ifndef PAWL_MCP_PROPOSAL_H
#define PAWL_MCP_PROPOSAL_H

#include "ratchet/git/repo.h"
#include "ratchet/ratchet.h"

#include "reference/base/strbuf.h"

struct mcp_proposal {
    char name[16];       /* p1, p2, ... */
    char base[REPO_HEX]; /* the commit that it changes */
    char *hypothesis;    /* owned */
    struct strbuf folder;
};
void mcp_proposal_deinit(struct mcp_proposal *p);

/* The tree that commit `base` becomes with a unified diff applied, or with whole files put in its
 * place (an array of {file, text}; text null = deleted). Mutable files alone may change. Errors
 * (ERR_USAGE, ERR_CONFLICT) name the file and the remedy. */
int mcp_proposal_patch(struct ratchet *r, const git_oid *base, const char *patch, git_oid *tree);
int mcp_proposal_files(struct ratchet *r, const git_oid *base, json_t *files, git_oid *tree);

/* Keep a tree as a new proposal on `base`; *files gets {file, added, removed} of each change, and
 * the caller decrefs it, also after an error. Errors: ERR_CONFLICT when nothing changes, those of
 * hypothesis_check, ERR_IO. The caller deinits *out after 0. */
int mcp_proposal_keep(struct ratchet *r, const git_oid *base, const git_oid *tree,
                      const char *hypothesis, struct mcp_proposal *out, json_t **files);

/* The proposal of that name. Error: ERR_USAGE when there is none. The caller deinits *out after 0.
 */
int mcp_proposal_find(struct ratchet *r, const char *name, struct mcp_proposal *out);

#endif
