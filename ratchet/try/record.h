/* SPDX-License-Identifier: Apache-2.0
 *
 * record.h: from the judge's trial to what the ledger keeps: the row's numbers and the detail
 * record (details/N.json). For ratchet/ only. */
#ifndef PAWL_RATCHET_RECORD_H
#define PAWL_RATCHET_RECORD_H

#include "ratchet/ratchet.h"

/* What is measured unless somebody says otherwise: every path this processor has; the kernel takes
 * the best. */
#define RECORD_FEATURES_ALL "all"

/* What a row says beside the trial's own numbers. */
struct record_context {
    const json_t *calibration; /* controls_json of the one that held; NULL: none. Borrowed */
    int64_t continued_from;    /* experiment whose evidence this one goes on with; 0: none */
    const char *features;      /* that were measured: "all", "avx2", ... Borrowed */
    const char *base;          /* commit the change was made against before it was merged onto the
                                * parent; NULL: not merged. Borrowed */
    int64_t again_of;          /* experiment whose win came too late for its branch; 0: none */
    const char *origin;        /* of ratchet_try_options, "" = none. Borrowed */
};

/* Fill verdict, reason, estimates, score and so on of *row. What was not measured stays NAN. */
void record_row(const struct ratchet_judge *judge, const struct judge_trial *t,
                const struct record_context *context, struct ledger_row *row);

/* The detail record as JSON; the caller decrefs. `row` gives hypothesis, commits and number. */
json_t *record_details(const struct judge_trial *t, const struct record_context *context,
                       const struct ledger_row *row);

/* Set a member: null for what is not finite; text made valid as by record_text. */
void record_set_real(json_t *o, const char *key, double x);
void record_set_text(json_t *o, const char *key, const char *text);

/* A member: NAN when it is no number, "" when it is no text (borrowed). */
double record_get_real(const json_t *o, const char *key);
const char *record_get_text(const json_t *o, const char *key);

/* Replace text that is no valid UTF-8 by one that is ('?' for each byte that is not ASCII). */
void record_text(char **field, const char *text);

#endif
