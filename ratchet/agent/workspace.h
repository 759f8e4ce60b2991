/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace.h: the throw-away folder in which an agent changes the kernel: HEAD's tree as plain
 * files. What comes back from it are the mutable files alone (ratchet_try's `folder`); everything
 * else is held against the tree. It lies outside the repository, since coding agents keep away from
 * paths with ".git". For ratchet/ only. */
#ifndef PAWL_RATCHET_WORKSPACE_H
#define PAWL_RATCHET_WORKSPACE_H

#include "ratchet/ratchet.h"

#include "reference/base/strbuf.h"

enum { WORKSPACE_FILE_BYTES = 4 << 20 }; /* most that one mutable file may hold */

struct workspace {
    struct strbuf base;    /* the folder that is removed; holds the others */
    struct strbuf tree;    /* base/tree */
    struct strbuf kernel;  /* base/tree/kernel: where the agent may write */
    struct strbuf scratch; /* base/scratch: $TMPDIR, emptied for each round */
    struct strbuf cache;   /* base/cache: $XDG_CACHE_HOME, kept as long as the campaign */
    git_oid head;          /* whose tree it is */
};

/* Where campaign `id` has its folder: below $XDG_CACHE_HOME/pawl (default ~/.cache/pawl), or TMPDIR
 * without a home. Appends. */
void workspace_place(const char *id, struct strbuf *out);

/* Name the folders in `base`; nothing is made. The caller deinits. */
void workspace_name(const char *base, struct workspace *out);
void workspace_deinit(struct workspace *w);

/* Empty tree/ and scratch/ and fill the first with HEAD's files, the immutable ones read-only. Sets
 * w->head. Errors: those of repo_head, of git and of writing. */
int workspace_fill(struct ratchet *r, struct workspace *w);

/* Remove scratch/: what a round left there is of no use to anybody, and may fill the disk. */
int workspace_clear(struct workspace *w);

/* Remove it with all that is in it. */
int workspace_remove(struct workspace *w);

/* What the agent left there. */
struct workspace_change {
    struct strbuf outside;   /* "": nothing but mutable files changed; else what did */
    char kernel[SHA256_HEX]; /* digest of the mutable files, as in ledger rows */
    bool changed;            /* they are not HEAD's */
};

/* As repo_kernel_digest, of the files that are there now. */
int workspace_kernel(const struct workspace *w, char hex[SHA256_HEX]);

/* New files that are hidden or that git ignores are passed over; what cannot be read, or is more than
 * a try takes, is named in out->outside, which the caller deinits. Errors: those of reading git. */
int workspace_look(struct ratchet *r, const struct workspace *w, struct workspace_change *out);

#endif
