/* SPDX-License-Identifier: Apache-2.0
 *
 * shape.h: a committed kernel as a search sees it: the values of the TUNABLEs that are searched,
 * and the shape, which is everything else. Two kernels of one shape lie on one surface. */
#ifndef PAWL_RATCHET_SHAPE_H
#define PAWL_RATCHET_SHAPE_H

#include "ratchet/git/repo.h"
#include "ratchet/ratchet.h"
#include "ratchet/search/space.h"
#include "reference/base/strbuf.h"

/* The mutable files of one commit. */
struct kernel_files {
    size_t n;
    char path[REPO_MAX_CHANGES][REPO_REF];
    struct strbuf text[REPO_MAX_CHANGES];
    struct tunables tunables; /* of all of them; .file is the index above */
};

/* Read them; the caller deinits, also after an error. Errors: ERR_IO, those of tunables_parse. */
int kernel_files_read(struct ratchet *r, const git_oid *commit, struct kernel_files *out);
void kernel_files_deinit(struct kernel_files *k);

/* The values of the searched ones. ERR_CONFLICT when one is missing. */
int kernel_files_point(const struct kernel_files *k, const struct space *s, struct point *out);

/* Write them to folder/kernel/ with the values of p; what was there is removed. */
int kernel_files_write(const struct kernel_files *k, const struct space *s, const struct point *p,
                       const char *folder);

struct shape {
    git_oid kernel; /* the tree kernel/ that this is about */
    bool readable;  /* it has all these TUNABLEs */
    struct point at;
    char digest[SHA256_HEX]; /* of the files without those values */
};

/* Shapes already seen, since most commits are asked for again and again. Zero-initialise. */
struct shapes {
    struct shape *item;
    size_t n;
};
void shapes_deinit(struct shapes *s);

/* Shape of a commit: 1 and a copy, or 0 when the commit is not here or lacks one of the TUNABLEs. */
int shapes_find(struct shapes *known, struct ratchet *r, const struct space *s, const char *commit,
                struct shape *out);

#endif
