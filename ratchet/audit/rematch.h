/* SPDX-License-Identifier: Apache-2.0
 *
 * rematch.h: two committed kernels of any age, side by side, by the judge of today. Nothing is
 * recorded: it is for those who look back (audit --cumulative, audit --replay, bisect --measure).
 * For ratchet/ only. */
#ifndef PAWL_RATCHET_REMATCH_H
#define PAWL_RATCHET_REMATCH_H

#include "ratchet/audit/honesty.h"
#include "ratchet/ratchet.h"

struct rematch_options {
    const char *focus;    /* NULL = the workload's weights */
    const char *features; /* as in struct ratchet_request */
    uint32_t max_units;   /* of a stage; 0 = the rule's cap */
    bool build_only;      /* compile both and stop: no case is measured */
};

/* A trial of commit `candidate`'s kernel against commit `incumbent`'s, with what is sealed in HEAD;
 * needs the machine to itself, as a try does. Any verdict is a value; no case measured (t->n_cases
 * 0) means that a gate stopped it: t->reason says which. After 0 the caller calls
 * r->judge->release(out). Errors: ERR_CONFLICT when the programs are not those of HEAD's sealed
 * sources; those of reading git and of the judge. */
int rematch(struct ratchet *r, const struct rematch_options *o, const git_oid *candidate,
            const git_oid *incumbent, struct judge_trial *out);

/* What a trial says of its pair, or of one case of it (NULL: in total): 1, or 0 when a gate let it not
 * be measured. The same code is no difference. */
int rematch_sum(const struct judge_trial *t, const char *case_name, struct honesty_sum *out);

/* Units behind its estimates. */
uint32_t rematch_units(const struct judge_trial *t);

#endif
