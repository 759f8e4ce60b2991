/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp_store.h: the folder <store>/mcp, which the servers of a repository share: a folder for each
 * proposal (p1, p2, ...), and one for each commit whose kernel was measured (head-<commit>). What
 * is there does not change; the MCP_STORE_MOST used last are kept. For ratchet/mcp/ only. */
#ifndef PAWL_MCP_STORE_H
#define PAWL_MCP_STORE_H

#include "ratchet/ratchet.h"
#include "reference/base/strbuf.h"

enum { MCP_STORE_MOST = 100 };

/* Append the path of `name` there. */
void mcp_store_path(const struct ratchet *r, const char *name, struct strbuf *out);

/* Make an empty folder, the caller's to fill and to rename or remove; its path is appended. */
int mcp_store_scratch(const struct ratchet *r, struct strbuf *out);

/* Make the folder of a new proposal: p and a number that is larger than any there. `name` gets it,
 * and *folder its path. */
int mcp_store_number(const struct ratchet *r, char name[16], struct strbuf *folder);

/* The folder whose kernel/ holds HEAD's kernel is appended; it is made unless it is there. */
int mcp_store_head(struct ratchet *r, struct strbuf *folder);

/* It is used now, so it is kept. */
void mcp_store_use(const char *folder);

/* Remove those that were used longest ago. What cannot be removed stays: no call fails for it. */
void mcp_store_sweep(const struct ratchet *r);

#endif
