/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp_schemas.h: what each tool takes and gives. For ratchet/mcp/ only. */
#ifndef PAWL_MCP_SCHEMAS_H
#define PAWL_MCP_SCHEMAS_H

#include "ratchet/mcp/mcp_fields.h"

extern const struct mcp_field mcp_in_nothing[], mcp_in_context[], mcp_in_read_kernel[],
    mcp_in_propose[], mcp_in_check[], mcp_in_try[], mcp_in_profile[], mcp_in_roofline[],
    mcp_in_history[], mcp_in_explain[], mcp_in_diff[];
extern const struct mcp_field mcp_out_status[], mcp_out_budget[], mcp_out_context[],
    mcp_out_read_kernel[], mcp_out_propose[], mcp_out_check[], mcp_out_try[], mcp_out_start[],
    mcp_out_profile[], mcp_out_roofline[], mcp_out_history[], mcp_out_attempt[], mcp_out_diff[];

#endif
