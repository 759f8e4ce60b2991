/* SPDX-License-Identifier: Apache-2.0
 *
 * journal.h: the diary of one campaign of an agent, below <common git folder>/pawl/agents/<id>/: one
 * JSON object a line, appended and synced before what it announces begins. A line that a crash cut
 * short is dropped when the journal is opened again. The folder also keeps what each round was told
 * and what it said. A lock file keeps two loops from one campaign. For ratchet/ only. */
#ifndef PAWL_RATCHET_JOURNAL_H
#define PAWL_RATCHET_JOURNAL_H

#include "reference/base/strbuf.h"

#include <jansson.h>
#include <stdbool.h>

struct journal {
    char id[40];
    struct strbuf folder;
    int fd, lock;
};

/* A campaign that does not exist yet; its id begins with the time. Errors: ERR_IO. */
int journal_create(const char *store, struct journal *out);

/* One that exists: `id`, or NULL for the newest that has begun. Errors: ERR_USAGE (no such campaign), ERR_CONFLICT
 * (it is running), ERR_IO. */
int journal_open(const char *store, const char *id, struct journal *out);
void journal_close(struct journal *j);

/* Has nobody written to it for so long, and has nobody it open? */
bool journal_idle(const char *store, const char *id, double seconds);

int journal_add(struct journal *j, const json_t *event);

/* Call `each` for the events in order; stops at a non-zero return and returns it. Error: ERR_FORMAT
 * naming the line. */
int journal_each(struct journal *j, int (*each)(void *ctx, const json_t *event), void *ctx);

/* Path of a file of round k: "<folder>/round-0007.out". Appends. */
void journal_path(const struct journal *j, int64_t round, const char *kind, struct strbuf *out);

#endif
