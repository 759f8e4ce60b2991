/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp_attempt.h: one experiment of the ledger as clients read it: what agents see in their context,
 * and every case (the slowest first) and where to look next. For ratchet/mcp/ only. */
#ifndef PAWL_MCP_ATTEMPT_H
#define PAWL_MCP_ATTEMPT_H

#include "ratchet/ratchet.h"
#include "reference/base/strbuf.h"

/* Experiment n: *out as the tool's outputSchema has it, which the caller decrefs, and the same
 * words that `ratchet try` prints appended to *text. Error: ERR_USAGE when there is no such
 * experiment. */
int mcp_attempt_read(struct ratchet *r, int64_t n, json_t **out, struct strbuf *text);

#endif
