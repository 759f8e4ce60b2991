/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence.h: what earlier trials of the same code have shown. Trying one change again does not
 * start a new chance: the evidence of both stages goes on where it stood, under the margin and the
 * cap of the first trial, so any number of tries is one e-process per stage, and the bounds alpha
 * and alpha_confirm hold for all of them together. What was decided stays decided. Inside
 * judge/rule/ only. */
#ifndef PAWL_EVIDENCE_H
#define PAWL_EVIDENCE_H

#include "judge/judge.h"
#include "judge/rule/decide.h"

#include <jansson.h>

/* What a stage had seen when it ended, and how it ended (names as in details). */
struct evidence_stage {
    size_t n_cases;
    bool accepted;
    struct decide_sums seen;
};

/* Read from judge_options.evidence. */
struct evidence {
    bool found; /* there is evidence of this key */
    double margin;
    int64_t experiment; /* that it was taken from, when the caller says so; 0: unknown */
    bool closed;        /* decided: `verdict` and `reason` stand, nothing is measured */
    enum judge_verdict verdict;
    char reason[400];
    uint32_t n_stages; /* 2: a confirmation is under way */
    struct evidence_stage stage[2];
};

/* Fill *out from `object` (NULL: none) when its key is `key`; with any other key nothing is found.
 * Error: ERR_FORMAT for evidence of this key that does not read. */
int evidence_read(const json_t *object, const char *key, struct evidence *out);

struct trial;

/* New reference: the evidence after trial *t, whose verdict is set; null without a key. */
json_t *evidence_json(const struct trial *t);

#endif
