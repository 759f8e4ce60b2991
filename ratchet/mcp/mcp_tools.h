/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp_tools.h: the tools that a client may call, and a call from its arrival to its answer. A tool
 * answers at once, or starts a command and answers when it ends (mcp_run.h). What goes wrong in a
 * tool is a result with isError, so that a model can read it and do better; only a call that is no
 * call is an error of the protocol. For ratchet/mcp/ only. */
#ifndef PAWL_MCP_TOOLS_H
#define PAWL_MCP_TOOLS_H

#include "ratchet/mcp/mcp_fields.h"
#include "ratchet/mcp/mcp_server.h"

enum { MCP_LATER = 1 };

struct mcp_call {
    struct mcp_server *server;
    const struct mcp_tool *tool;
    json_t *id, *token, *arguments; /* owned; id NULL = answered already, the tool start's; token
                                     * NULL = no progress wanted */
    struct strbuf text;             /* the answer, for people and models; empty = the JSON */
    json_t *structured;             /* the answer as the tool's outputSchema says; owned */

    /* Of a call that runs a command: */
    int (*finish)(struct mcp_call *c,
                  int status);      /* reads server->child.output, fills the answer */
    struct strbuf said;             /* last lines of its standard error that are no progress */
    struct strbuf news;             /* what it said last */
    double started, told, progress; /* seconds: monotonic clock; of the last notification */
    double began;                   /* monotonic clock: its turn came; 0 = not yet */
    bool experiment;                /* it may leave an attempt that must be recovered */
};

struct mcp_tool {
    const char *name, *title, *what;
    const struct mcp_field *in, *out;
    bool writes;      /* else readOnlyHint */
    bool destructive; /* may move the branch */
    /* 0 with the answer filled in, MCP_LATER, or negative: err_message() becomes the answer. */
    int (*call)(struct mcp_call *c);
};

/* Result of tools/list. */
json_t *mcp_tools_list(void);

/* A request tools/call: 0 when it is answered or under way, or a code of JSON-RPC with
 * err_message() when its params are no call. */
int mcp_tools_call(struct mcp_server *s, json_t *id, json_t *params);

/* Send the answer (`rc` negative: err_message() as an error) and free the call. What nobody waits
 * for is kept in server->ended instead. */
void mcp_call_answer(struct mcp_call *c, int rc);

/* The same call, for nobody to wait for. */
struct mcp_call *mcp_call_alone(const struct mcp_call *c);
void mcp_call_free(struct mcp_call *c);

/* --- for tools --- */

/* Arguments; NULL or `otherwise` when not given. */
const char *mcp_argument(const struct mcp_call *c, const char *name);
int64_t mcp_argument_integer(const struct mcp_call *c, const char *name, int64_t otherwise);

/* JSON string of bytes that may be no UTF-8. */
json_t *mcp_string(const char *text);

/* What the tool budget answers; the caller decrefs. */
json_t *mcp_budget_json(const struct mcp_server *s);

int mcp_tool_status(struct mcp_call *c);
int mcp_tool_budget(struct mcp_call *c);
int mcp_tool_context(struct mcp_call *c);
int mcp_tool_read_kernel(struct mcp_call *c);
int mcp_tool_propose(struct mcp_call *c);
int mcp_tool_check(struct mcp_call *c);
int mcp_tool_try(struct mcp_call *c);
int mcp_tool_start(struct mcp_call *c);
int mcp_tool_stop(struct mcp_call *c);
int mcp_tool_profile(struct mcp_call *c);
int mcp_tool_roofline(struct mcp_call *c);
int mcp_tool_history(struct mcp_call *c);
int mcp_tool_explain(struct mcp_call *c);
int mcp_tool_diff(struct mcp_call *c);

#endif
