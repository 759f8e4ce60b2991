/* SPDX-License-Identifier: Apache-2.0
 *
 * ending.h: how a round ends, for the journal and for people. For ratchet/ only. */
#ifndef PAWL_RATCHET_ENDING_H
#define PAWL_RATCHET_ENDING_H

#include "ratchet/agent/campaign.h"

struct ending {
    struct campaign *c;
    FILE *say; /* NULL: silent */
    int64_t round;
    const char *hypothesis; /* what the agent said; NULL: nothing */
    char notice[300];       /* what else there is to say, "" = nothing */
};

/* Append to the notice. */
void ending_notice(struct ending *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A round that led to no experiment. The text may hold what the agent wrote. Errors: those of
 * campaign_note. */
int ending_untried(struct ending *e, enum outcome o, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* One that did. */
int ending_tried(struct ending *e, const struct ledger_row *row, bool overtaken);

#endif
