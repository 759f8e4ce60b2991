/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp_known.h: which text of each kernel file the client of this session has seen. A whole file
 * that it sends is an edit of that one: taken as a change of HEAD it would undo what others have
 * won in the file since. For ratchet/mcp/ only. */
#ifndef PAWL_MCP_KNOWN_H
#define PAWL_MCP_KNOWN_H

#include "ratchet/mcp/mcp_server.h"

#include <git2.h>

/* The client was shown a file as HEAD has it: all of it, or some lines. Lines of another text than
 * it was shown before do not make it the newer one: as a change of the older it is safe. */
void mcp_known_shown(struct mcp_server *s, const char *path, bool whole);

/* The client sent whole files ([{file, text}]) as a change of `base`: it knows these texts, too. */
void mcp_known_sent(struct mcp_server *s, json_t *files, const git_oid *base);

/* HEAD moved for this client: files that it has now as they were sent were as good as shown. */
void mcp_known_won(struct mcp_server *s);

/* The commit that whole files which a client sends are changes of: HEAD for those that HEAD has as
 * the client knows them, and for those of which nothing is known, else where it was shown them; of
 * several commits the one they have in common. `files` may be NULL. Errors: ERR_CONFLICT when there
 * is none, those of git. */
int mcp_known_base(struct mcp_server *s, json_t *files, const git_oid *head, git_oid *base);

#endif
