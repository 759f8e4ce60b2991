/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp_run.h: the one long command of a server. Experiments, checks and measurements want the
 * machine to themselves, so a second one is refused and not queued. For ratchet/mcp/ only. */
#ifndef PAWL_MCP_RUN_H
#define PAWL_MCP_RUN_H

#include "ratchet/mcp/mcp_tools.h"

/* A client may give up when it hears nothing: its last news are told again after so long. */
enum { MCP_RUN_ALIVE_SECONDS = 10 };

/* A command line; what it points to is borrowed. Zero-initialise. */
struct mcp_command {
    const char *argv[32]; /* ends with NULL */
    size_t n;
};
void mcp_command_add(struct mcp_command *m, const char *argument);
void mcp_command_option(struct mcp_command *m, const char *name,
                        const char *value); /* both, unless the value is NULL or empty */

/* Run a command for a call, which waits: `finish` is called when it has ended. Lines of its
 * standard error become notifications of progress. Returns MCP_LATER. Error: ERR_CONFLICT while
 * another runs, ERR_IO. */
int mcp_run_start(struct mcp_call *c, const struct mcp_command *m,
                  int (*finish)(struct mcp_call *c, int status));

/* The child may have said something, or ended, or long been silent. */
void mcp_run_step(struct mcp_server *s);

/* The client takes request `id` back: the command and what it started are ended, its experiment is
 * recovered, nothing is answered. An id that is not the running call's changes nothing. */
void mcp_run_cancel(struct mcp_server *s, json_t *id);

/* The same, whatever runs. */
void mcp_run_stop(struct mcp_server *s);

/* The command ended without a result: ERR_IO with its last words. */
int mcp_run_failed(const struct mcp_call *c, int status);

#endif
