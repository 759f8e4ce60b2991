/* SPDX-License-Identifier: Apache-2.0
 *
 * scaffold.h: the files that make a git repository a ratchet: the contract, the judge's flags and
 * headers, a problem to fill in and a first kernel. Nothing is ever overwritten and nothing is
 * committed; all is looked at before anything is written, and an interrupted run is finished by the
 * same command again. */
#ifndef PAWL_SCAFFOLD_H
#define PAWL_SCAFFOLD_H

#include <jansson.h>

struct scaffold {
    const char *tree;   /* Pawl's, see source_tree.h */
    const char *folder; /* absolute: the top of a git repository's working tree */
    const char *name;   /* of the problem: letters, digits, _ and - */
    const char *kernel; /* NULL, or FILE.c:FUNCTION, a void FUNCTION(const float *in, float *out,
                         * elements) that the first kernel calls for every row */
};

/* Write what is missing. *made: array of the paths written, relative to the folder; the caller
 * decrefs. Errors: ERR_CONFLICT (something is in the way: it is named), ERR_USAGE (name, kernel),
 * ERR_IO. */
int scaffold_make(const struct scaffold *s, json_t **made);

/* Renew what comes from Pawl's tree, and must be as there, in a folder that is a ratchet: the
 * contract, the headers, judge/PAWL. Errors as above. */
int scaffold_reseal(const struct scaffold *s, json_t **made);

#endif
