/* SPDX-License-Identifier: Apache-2.0
 *
 * place.h: a git repository in a temporary folder, commands run in it, and the programs of its
 * problem. Tests only; failures abort the test. */
#ifndef PAWL_TEST_PLACE_H
#define PAWL_TEST_PLACE_H

#include "reference/base/strbuf.h"

#include <limits.h>
#include <stdbool.h>

struct place {
    char top[64];            /* the temporary folder */
    char repo[80];           /* top/repo, an empty git repository */
    char programs[PATH_MAX]; /* where place_build put judge and ratchet */
    struct strbuf said;      /* by the last command, stdout and stderr */
};

void place_init(struct place *p);
void place_deinit(struct place *p);

/* Run a shell command in the repository; $R is the ratchet, $J the judge that place_build linked,
 * $PAWL Pawl's source tree. Returns the exit status. */
int place_run(struct place *p, const char *command);

/* Did the last command say this? */
bool place_said(const struct place *p, const char *text);

/* The files of tests/problems/NAME, made a ratchet and committed; "template": init alone. */
void place_problem(struct place *p, const char *name);

/* Link the problem's judge; sets programs. */
void place_build(struct place *p);

#endif
