/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.h: what `ratchet watch` knows of the moment and how it shows it: as lines (watch_lines.c) or
 * on a whole terminal (watch_screen.c). Inside ratchet/report/ only. */
#ifndef PAWL_RATCHET_WATCH_H
#define PAWL_RATCHET_WATCH_H

#include "ratchet/ratchet.h"

#include <signal.h>

enum { WATCH_MS = 250 };

struct watch {
    struct ratchet *r;
    int64_t n_rows;
    json_t *progress; /* of the try under way, NULL: none; see progress_read */
    int64_t pending;  /* attempt that is not done, 0: none */
    char pending_state[32];
};

/* Set by SIGINT and SIGTERM. */
extern volatile sig_atomic_t watch_ended;

/* Look again. Error: that of reading the ledger. */
int watch_look(struct watch *w);
void watch_deinit(struct watch *w);

/* Until the end was asked for: what happens, a line each (as JSON when `json`), or the whole
 * terminal drawn again and again. */
int watch_lines(struct watch *w, bool json);
int watch_screen(struct watch *w);

#endif
