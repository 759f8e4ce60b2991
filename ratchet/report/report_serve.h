/* SPDX-License-Identifier: Apache-2.0
 *
 * report_serve.h: the report's page from a small server of this machine's own, so that it follows
 * the ledger: libmicrohttpd on 127.0.0.1 and, where there is one, ::1. It answers GET and HEAD, and
 * only those who asked for it by a name of the loopback: a page from elsewhere whose name was bent
 * to 127.0.0.1 is refused. For ratchet/ only; runs in the calling thread.
 *
 *   /           the page
 *   /data.json  the document of report_data.h with its `version`
 *   /live.json  {version, progress}: the version there is now, and what a try under way published
 *               (progress.h) or null; the page asks for it once a second */
#ifndef PAWL_REPORT_SERVE_H
#define PAWL_REPORT_SERVE_H

#include "ratchet/ratchet.h"

#include <stdint.h>

enum { REPORT_SERVE_PORT = 7295 };

/* Print the address to `say` and serve until SIGINT or SIGTERM, then 0. port 0: any that is free.
 * Errors: ERR_CONFLICT when the port is taken, those of reading the ledger. */
int report_serve(struct ratchet *r, uint16_t port, FILE *say);

#endif
