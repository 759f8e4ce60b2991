/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp_fields.h: what a tool takes and gives, written once as a table. From it come the JSON schema
 * that clients see and the check of what they send. For ratchet/mcp/ only. */
#ifndef PAWL_MCP_FIELDS_H
#define PAWL_MCP_FIELDS_H

#include <jansson.h>
#include <stdbool.h>

enum mcp_type { MCP_STRING, MCP_INTEGER, MCP_NUMBER, MCP_BOOLEAN, MCP_OBJECT };
enum {
    MCP_MUST = 1, /* always there */
    MCP_NULL = 2, /* may be null */
    MCP_LIST = 4  /* an array of these */
};

struct mcp_field {
    const char *name; /* NULL ends a table */
    enum mcp_type type;
    unsigned flags;
    const char *what;           /* for people and models; NULL = the name says it */
    const struct mcp_field *of; /* of an object; NULL = any members */
};

/* Schema of an object with these members: of arguments (nothing else may be there) or of a result
 * (more may be there). The caller decrefs. */
json_t *mcp_fields_schema(const struct mcp_field *fields, bool arguments);

/* Do the arguments (NULL = none) fit? ERR_USAGE says which one does not, and what would. */
int mcp_fields_check(const struct mcp_field *fields, json_t *arguments);

#endif
