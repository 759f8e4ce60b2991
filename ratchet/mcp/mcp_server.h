/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp_server.h: `ratchet mcp`, a Model Context Protocol server on standard input and output: one
 * client, one thread, a poll loop over the client and at most one long command, so that everything
 * else is answered while an experiment runs. For ratchet/mcp/ only.
 *
 * Revisions 2025-11-25, 2025-06-18 and 2024-11-05; not 2025-03-26, which demands batches.
 *
 * Source: modelcontextprotocol.io/specification. */
#ifndef PAWL_MCP_SERVER_H
#define PAWL_MCP_SERVER_H

#include "ratchet/mcp/jsonrpc.h"
#include "ratchet/mcp/mcp_child.h"
#include "ratchet/ratchet.h"

struct mcp_call;

/* What the client may spend. Machine time is that of tries without their time in the queue, counted
 * when they end. */
struct mcp_budget {
    int64_t attempts; /* 0 = no limit */
    double minutes;   /* 0 = no limit */
    int64_t attempts_used;
    double seconds_used;
};

struct mcp_server {
    struct ratchet *r;      /* borrowed */
    const char *author;     /* of experiments; NULL = what the client calls itself. Borrowed */
    char client[80];        /* that name, "" = git's user */
    char program[PATH_MAX]; /* this program, to run its commands */
    bool ready, gone;       /* initialised; client left */
    struct jsonrpc_reader in;
    struct strbuf out; /* not yet written */
    size_t n_written;  /* bytes of it that are */
    struct mcp_child child;
    struct mcp_call *running; /* that waits for the child; NULL = none */
    json_t *ended;            /* how the last one ended that the tool start began; NULL = none */
    struct mcp_budget budget;
    struct strbuf profile; /* folder of the last one; empty = none */
    json_t *known;         /* texts that the client has seen, see mcp_known.h; NULL = none */
};

/* Serve the client on descriptors 0 and 1 until it leaves or a signal asks to end. `s` brings r,
 * author and budget; the rest is zero. A command that runs then is ended, and its experiment
 * recovered. Error: ERR_IO when this program cannot find itself. */
int mcp_serve(struct mcp_server *s);

/* Finish what an experiment that was ended left behind, as `ratchet recover`. */
void mcp_server_recover(struct mcp_server *s);

#endif
