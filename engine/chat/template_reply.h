/* SPDX-License-Identifier: Apache-2.0
 *
 * template_reply.h: what the process that renders templates answers. A separate file because these
 * bytes are foreign: that process runs a program out of a download. Only engine/chat and its tests
 * include this. */
#ifndef PAWL_TEMPLATE_REPLY_H
#define PAWL_TEMPLATE_REPLY_H

#include "reference/base/strbuf.h"

/* The reply in line[0..len), one JSON object: its "text" is appended to *out, its "error" becomes
 * the stored message (ERR_FORMAT). Errors: ERR_INTEGRITY for anything else. */
int template_reply_parse(const char *line, size_t len, struct strbuf *out);

#endif
