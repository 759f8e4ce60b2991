/* SPDX-License-Identifier: Apache-2.0
 *
 * original.h: a user's own C function as the first kernel of a new ratchet: what of the template
 * changes for it. The file is copied to both sides: the kernel's copy is there to be changed, the
 * reference's says what is true. */
#ifndef PAWL_ORIGINAL_H
#define PAWL_ORIGINAL_H

#include "reference/base/strbuf.h"

struct original {
    char copy[80];        /* name of the copies: FILE.inc */
    struct strbuf text;   /* of the file */
    struct strbuf row;    /* the template's row of kernel.c, by calling the function */
    struct strbuf expect; /* the template's expect_row, likewise */
};

/* source: FILE.c:FUNCTION. Errors: ERR_USAGE (not of this form; no such function in the file),
 * ERR_IO. */
int original_read(const char *source, struct original *out);
void original_deinit(struct original *o);

#endif
