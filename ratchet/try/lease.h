/* SPDX-License-Identifier: Apache-2.0
 *
 * lease.h: who may write to this repository's ledger and branch now, and who comes next, worktrees
 * included. Each party has a ticket, a file <common git folder>/pawl/queue/<number> that it keeps
 * locked (flock) as long as it waits or works; the lowest one works. A ticket counts only while it
 * is locked, so it ends with its process, also after kill -9, and whoever waits looks for itself:
 * nobody has to be woken. The lock of the measuring phase, one for a machine, is the judge's
 * (judge/machine/machine_lock.h). For ratchet/ only. */
#ifndef PAWL_RATCHET_LEASE_H
#define PAWL_RATCHET_LEASE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct lease_request {
    const char *purpose; /* what for, in the words of who asks; NULL = the command line says it */
    bool wait;           /* queue behind those who came before */
    double wait_minutes; /* at most; 0 = as long as it takes */
    FILE *say;           /* who is waited for; NULL = silent */
};

/* Returns a descriptor to close when done. Errors: ERR_CONFLICT naming who is at work, at once or,
 * with `wait`, when the minutes are over; ERR_IO. */
int lease_take(const char *store, const struct lease_request *q);

/* The parties in their order, the first is at work: [{"pid", "host", "command", "purpose", "asked",
 * "since"}]; times are UTC, since is "" while waiting. The caller decrefs. */
json_t *lease_parties(const char *store);

/* One party as a phrase for people. Appends. */
struct strbuf;
void lease_party_line(const json_t *party, struct strbuf *out);

#endif
