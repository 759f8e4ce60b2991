/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp_resources.h: what a client may put before its model without a tool: the contract, the
 * taxonomy, the kernel's files, attempts. Files are HEAD's. For ratchet/mcp/ only. */
#ifndef PAWL_MCP_RESOURCES_H
#define PAWL_MCP_RESOURCES_H

#include "ratchet/ratchet.h"

/* Results of resources/list and resources/templates/list; NULL with err_message(). */
json_t *mcp_resources_list(struct ratchet *r);
json_t *mcp_resources_templates(void);

/* Result of resources/read: 1 and *out, which the caller decrefs, 0 when there is no such resource,
 * negative on error. */
int mcp_resources_read(struct ratchet *r, const char *uri, json_t **out);

/* The path of the mutable file that a URI names, borrowed from it; NULL when it names none. */
const char *mcp_resources_kernel(const char *uri);

#endif
