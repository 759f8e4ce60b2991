/* SPDX-License-Identifier: Apache-2.0
 *
 * blame.h: which experiment each line of HEAD's kernel comes from. The line of kernels (git/lineage.h)
 * is played forward: a commit owns the lines that it adds, unless it took them away elsewhere in the
 * same step: code that moves between files, is renamed, or is only indented keeps its origin.
 * libgit2's own blame follows renamed files, but nothing that moves between files (its flags for that
 * are declared and do nothing), and this kernel has been split into files more than once. For ratchet/
 * only. */
#ifndef PAWL_RATCHET_BLAME_H
#define PAWL_RATCHET_BLAME_H

#include "ratchet/git/repo.h"
#include "ratchet/ratchet.h"

#include "reference/base/strbuf.h"

/* A commit that changed the kernel. */
struct blame_origin {
    git_oid commit;
    int64_t experiment;         /* the win that it joined; 0: an ordinary commit */
    bool oldest;                /* the first there is: a seed, or where a shallow clone begins */
    double estimate, low, high; /* what the win gained, log ratio; NAN for an ordinary commit */
    char *focus;                /* "" = of the whole workload */
    char *text;                 /* hypothesis, or the commit's first line */
    size_t n_lines;             /* of HEAD's kernel that come from it */
};

struct blame_line {
    const char *text; /* without newline, in the file's text */
    size_t len;
    size_t origin; /* index into origins */
};

struct blame_file {
    char path[REPO_REF];
    struct strbuf text;
    size_t n_lines;
    struct blame_line *lines;
};

struct blame {
    size_t n_origins, n_files, n_lines;
    struct blame_origin *origins; /* oldest first, also those of which no line is left */
    struct blame_file *files;     /* sorted by path */
    bool cut;                     /* a shallow clone: older origins are not here */
};

/* Blame all mutable files of HEAD. The caller deinits *out, also after an error. Errors: those of
 * reading git and the ledger; ERR_CONFLICT without a commit. */
int blame_kernel(struct ratchet *r, struct blame *out);
void blame_deinit(struct blame *b);

/* The file of this path, or of this name in the kernel's folder; NULL when there is none. */
const struct blame_file *blame_find(const struct blame *b, const char *path);

/* Number of lines from `first` (0-based) on that have the same origin. */
size_t blame_run(const struct blame_file *f, size_t first);

#endif
