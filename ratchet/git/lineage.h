/* SPDX-License-Identifier: Apache-2.0
 *
 * lineage.h: the line of kernels that the ratchet moves along: first parents from HEAD back, and
 * which experiment each of these commits joined as a win. Attempts, losses included, hang off it
 * through second parents and are not on it. For ratchet/ only. */
#ifndef PAWL_RATCHET_LINEAGE_H
#define PAWL_RATCHET_LINEAGE_H

#include "ratchet/git/repo.h"
#include "ratchet/ratchet.h"

struct joint {
    git_oid commit;
    int64_t win;        /* experiment that it joined as a win; 0: none */
    int64_t checkpoint; /* row up to which it joined the attempts without a win; 0: none */
    bool kernel; /* its mutable files differ from the joint's before it; the oldest has none */
};

struct lineage {
    struct joint *joints; /* [0] is HEAD */
    size_t n, room;
    bool cut; /* a shallow clone: it goes on where this repository ends */
};

/* Call `each` for commit `from` and its first parents, back to the root; stops at a non-zero
 * return and returns it. The commit is borrowed. Error: ERR_INTEGRITY for a commit that is not there
 * or unreadable; but in a shallow clone that is the end, and *cut. */
typedef int (*lineage_fn)(void *ctx, const git_commit *c);
int lineage_each(git_repository *repo, const git_oid *from, lineage_fn each, void *ctx, bool *cut);

/* Fill *out, which the caller deinits, also after an error, with the line that ends at HEAD (n = 0 on
 * a branch without commits), or at the commit `head`. */
int lineage_walk(git_repository *repo, struct lineage *out);
int lineage_walk_from(git_repository *repo, const git_oid *head, struct lineage *out);
void lineage_deinit(struct lineage *l);

/* Index of a commit, l->n when it is not on the line. */
size_t lineage_index(const struct lineage *l, const git_oid *commit);

/* The first kernel: index of the commit that the first experiment on this line was tried on, and
 * that experiment. `from` not 0: of experiment `from`. Error: ERR_CONFLICT when there is none. */
int lineage_first(struct ratchet *r, const struct lineage *l, int64_t from, size_t *index,
                  int64_t *experiment);

#endif
