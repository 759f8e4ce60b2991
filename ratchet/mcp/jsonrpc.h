/* SPDX-License-Identifier: Apache-2.0
 *
 * jsonrpc.h: JSON-RPC 2.0 as the Model Context Protocol frames it on a pipe: one object a line, no
 * batches, ids that are strings or integers. The bytes come from somebody else: whatever they are,
 * reading them gives messages or errors to send back, and goes on with the next line. For
 * ratchet/mcp/ only; one thread.
 *
 * Source: jsonrpc.org/specification; modelcontextprotocol.io/specification/2025-06-18/basic. */
#ifndef PAWL_MCP_JSONRPC_H
#define PAWL_MCP_JSONRPC_H

#include "reference/base/strbuf.h"

#include <jansson.h>
#include <stdbool.h>

enum {
    JSONRPC_PARSE = -32700,
    JSONRPC_INVALID = -32600,
    JSONRPC_NO_METHOD = -32601,
    JSONRPC_PARAMS = -32602,
    JSONRPC_INTERNAL = -32603,
    JSONRPC_NO_RESOURCE = -32002 /* the protocol's own */
};
enum { JSONRPC_LINE_MOST = 4 << 20 }; /* bytes of a line; no kernel is as large */

struct jsonrpc_message {
    json_t *root;       /* owned; NULL when the line was no JSON */
    json_t *id;         /* borrowed; NULL: a notification, or an id that cannot be told */
    const char *method; /* NULL: a response */
    json_t *params;     /* an object, or NULL */
    int code;           /* 0, or what is wrong: an error to answer with */
    char error[256];
};
void jsonrpc_message_deinit(struct jsonrpc_message *m);

/* Lines out of bytes as they arrive. Zero-initialise. */
struct jsonrpc_reader {
    struct strbuf held;
    size_t begin, seen; /* of the line under way; up to where no newline is */
    bool skipping;      /* the rest of a line that is too long */
};
void jsonrpc_reader_add(struct jsonrpc_reader *r, const void *data, size_t bytes);
void jsonrpc_reader_deinit(struct jsonrpc_reader *r);

/* The next message: true and *out, which the caller deinits, or false until more bytes arrive.
 * Blank lines are none. */
bool jsonrpc_reader_next(struct jsonrpc_reader *r, struct jsonrpc_message *out);

/* Append a message and its newline. `result` and `params` are taken, `id` is not; a result that
 * could not be built (NULL) becomes an internal error. `params` may be NULL. */
void jsonrpc_result(struct strbuf *out, json_t *id, json_t *result);
void jsonrpc_error(struct strbuf *out, json_t *id, int code, const char *message);
void jsonrpc_notify(struct strbuf *out, const char *method, json_t *params);

#endif
