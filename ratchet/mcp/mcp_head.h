/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp_head.h: files as HEAD has them. For ratchet/mcp/ only. */
#ifndef PAWL_MCP_HEAD_H
#define PAWL_MCP_HEAD_H

#include "ratchet/ratchet.h"
#include "reference/base/strbuf.h"

/* HEAD's commit; its tree, which the caller frees. */
int mcp_head_commit(struct ratchet *r, git_oid *out);
int mcp_head_tree(struct ratchet *r, git_tree **out);

/* Append a file's bytes: 1, or 0 when HEAD has none of that name. */
int mcp_head_read(struct ratchet *r, const char *path, struct strbuf *out);

/* Call `each` with path and text of every mutable file, by name; stops at a non-zero return and
 * returns it. */
typedef int (*mcp_head_fn)(void *ctx, const char *path, const struct strbuf *text);
int mcp_head_each(struct ratchet *r, mcp_head_fn each, void *ctx);

#endif
