/* SPDX-License-Identifier: Apache-2.0
 *
 * audit.h: what the two halves of the audit share: audit.c (ledger and results.tsv) and audit_git.c
 * (commits, kernels, ratchet-log, wins, seals). For ratchet/ only. */
#ifndef PAWL_RATCHET_AUDIT_H
#define PAWL_RATCHET_AUDIT_H

#include "ratchet/ratchet.h"
#include "ratchet/git/repo.h"

struct auditor {
    struct ratchet *r;
    struct ratchet_audit *out;
    bool chain_ok, shallow;
    /* A ratchet may be at work beside the audit: it writes a row, then ratchet-log, then the
     * branch, then the working tree. So the rows are counted first (out->n_rows), HEAD is read once
     * after that, then who is at work, then ratchet-log and the working tree. */
    git_oid head;
    bool has_head, at_work;
    int64_t head_rows; /* in HEAD's results.tsv; -1: there is none, or it is wrong */
};

/* Append a finding to one of the lists of struct ratchet_audit. */
void audit_add(json_t *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Every row against git; the chain holds already. */
int audit_git(struct auditor *a);

#endif
