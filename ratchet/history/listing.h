/* SPDX-License-Identifier: Apache-2.0
 *
 * listing.h: what a kernel was compiled to, function by function, in a form that can be compared:
 * one instruction a line, without addresses. A jump inside a function goes to ".L" with > (ahead) or
 * < (back), and each place that is jumped to has a line ".L:"; what the linker fills in stands as the
 * symbol's name without offset (constants: .LC); offsets from the stack pointer, and padding, are left
 * out. For ratchet/ only. */
#ifndef PAWL_RATCHET_LISTING_H
#define PAWL_RATCHET_LISTING_H

#include "ratchet/history/revision.h"

#include "reference/base/strbuf.h"

struct listing_function {
    char *name;
    struct strbuf text;
    size_t n_instructions; /* without padding */
};

struct listing {
    size_t n;
    struct listing_function *functions; /* sorted by name */
};

/* Compile the kernel of a revision from its commit, as the judge does, with the flags and the
 * kernel.h of that commit (some 20 s, unless the judge's cache has the object), and take it apart.
 * Errors: ERR_CONFLICT when it does not build, with the compiler's words; those of git and files. The
 * caller deinits *out, also after an error. */
int listing_make(struct ratchet *r, const struct revision *v, struct listing *out);
void listing_deinit(struct listing *a);

/* Take apart what `objdump -d -r -w` printed. Changes the text. */
void listing_parse(char *text, struct listing *out);

/* --- listing_diff.c --- */

struct listing_change {
    const char *name;     /* of the function, borrowed from the assembly that has it */
    char status;          /* A added, D deleted, M changed */
    size_t before, after; /* instructions */
    struct strbuf patch;  /* unified */
};

struct listing_diff {
    size_t n, n_same; /* functions that differ; that do not */
    struct listing_change *changes;
};

/* Functions of `b` against those of the same name of `a`. Error: ERR_IO. The caller deinits *out,
 * also after an error, and keeps both until then. */
int listing_compare(const struct listing *a, const struct listing *b, struct listing_diff *out);
void listing_diff_deinit(struct listing_diff *d);

/* As JSON; the caller decrefs. */
json_t *listing_diff_json(const struct listing_diff *d);

#endif
