/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp_child.h: one long command as a child process in a group of its own, read without ever waiting
 * for it, so that the server goes on answering. It dies with the server. For ratchet/mcp/ only. */
#ifndef PAWL_MCP_CHILD_H
#define PAWL_MCP_CHILD_H

#include "reference/base/strbuf.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

enum { MCP_CHILD_FDS = 3, MCP_CHILD_LINE = 1024 };

struct mcp_child {
    pid_t pid;            /* 0: none runs */
    int exited, out, err; /* descriptors: ready when it ended; its standard output and error */
    struct strbuf output; /* all of its standard output; kept until the next start */
    struct strbuf line;   /* of standard error, under way */
    void (*on_line)(void *ctx, const char *line); /* each line of its standard error, cut at
                                                   * MCP_CHILD_LINE bytes */
    void *ctx;
};

/* Run argv (absolute path first) with nothing on standard input. Set on_line before; everything
 * else is initialised here. Error: ERR_IO. */
int mcp_child_start(struct mcp_child *c, const char *const argv[]);

/* What to wait for, all three readable. */
void mcp_child_poll(const struct mcp_child *c, struct pollfd out[MCP_CHILD_FDS]);

/* Take what is there. True when the command has ended, with its exit status (128 + signal) in
 * *status; everything it wrote has been read then. */
bool mcp_child_read(struct mcp_child *c, int *status);

/* End it and what it started, politely for two seconds, wait, and take what it wrote last. No child
 * is no error. */
void mcp_child_stop(struct mcp_child *c);

void mcp_child_deinit(struct mcp_child *c);

#endif
