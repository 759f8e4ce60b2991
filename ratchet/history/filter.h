/* SPDX-License-Identifier: Apache-2.0
 *
 * filter.h: which rows of the ledger somebody wants to see. One set of words for all who ask: the
 * commands log and export, the report, the tool `history` of the MCP server. What is given is
 * joined by "and". For ratchet/ only. */
#ifndef PAWL_RATCHET_FILTER_H
#define PAWL_RATCHET_FILTER_H

#include "ratchet/ratchet.h"

/* As a person or a program wrote it; NULL = not given. */
struct filter_text {
    const char *verdict;   /* "WIN,LOSS": any of them, also SEAL; in either case */
    const char *op;        /* operation: rows that concern it, see filter_each */
    const char *case_name; /* the same for one case */
    const char *author;    /* part of the author's name, in either case of letters */
    const char *grep;      /* part of hypothesis or reason, likewise */
    const char *machine;   /* part of the machine's fingerprint, likewise */
    const char *since;     /* 2026-01-31 or 2026-01-31T23:59:59Z, UTC; included */
    const char *until;     /* likewise: a day is included to its end */
    const char *last;      /* only the last so many of the rows that are left */
    const char *epoch;     /* number from 1 on, or "last": between two changes of the judge */
};

enum { FILTER_EPOCH_LAST = -1 };

struct filter {
    uint32_t verdicts;                                    /* bit v: enum judge_verdict; 0 = all */
    const char *op, *case_name, *author, *grep, *machine; /* borrowed; NULL = all */
    char since[24], until[24];                            /* "" = all */
    int64_t last, epoch;                                  /* 0 = all */
};

/* Read the words. The texts stay borrowed. Error: ERR_USAGE naming the word and what may stand
 * there, also for operations and cases that neither the problem nor the ledger knows. */
int filter_parse(struct ledger *l, const struct filter_text *text, struct filter *out);

/* Call `each` for the rows that pass, in order; stops at a non-zero return and returns it.
 * A row concerns an operation or a case when its focus was on it, when it measured it to be faster
 * or slower by clearly more than 1 % (the 95 % interval lies beyond), or when its reason names the
 * case. An epoch is what one judge saw; the SEAL row that begins it belongs to it. */
int filter_each(struct ledger *l, const struct filter *f, ledger_row_fn each, void *ctx);

/* The rows that pass as an array of ledger_row_json objects, which the caller decrefs. */
int filter_rows_json(struct ledger *l, const struct filter *f, json_t **out);

#endif
