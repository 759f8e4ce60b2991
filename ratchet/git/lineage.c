/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/git/lineage.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

void lineage_deinit(struct lineage *l)
{
    free(l->joints);
    memset(l, 0, sizeof *l);
}

/* Row that a trailer of a join names; 0 when it is none. */
static int64_t joined(const git_commit *c, const char *key)
{
    char text[32];

    return git_commit_parentcount(c) == 2 &&
                   repo_trailer(git_commit_message(c), key, text, sizeof text)
               ? strtoll(text, NULL, 10)
               : 0;
}

static int lineage_add(void *ctx, const git_commit *c)
{
    struct lineage *l = ctx;
    struct joint *j;

    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 256;
        struct joint *joints = realloc(l->joints, room * sizeof *joints);

        if (!joints)
            return err_set(ERR_NOMEM, "history: out of memory");
        l->joints = joints;
        l->room = room;
    }
    j = &l->joints[l->n++];
    memset(j, 0, sizeof *j);
    j->win = joined(c, "Experiment");
    j->checkpoint = j->win ? 0 : joined(c, "Checkpoint");
    git_oid_cpy(&j->commit, git_commit_id(c));
    return 0;
}

int lineage_each(git_repository *repo, const git_oid *from, lineage_fn each, void *ctx, bool *cut)
{
    git_oid at = *from;
    bool more = true;
    int rc = 0;

    *cut = false;
    while (rc == 0 && more) {
        git_commit *c = NULL;

        if (git_commit_lookup(&c, repo, &at)) {
            *cut = git_repository_is_shallow(repo) == 1;
            return *cut ? 0
                        : err_set(ERR_INTEGRITY,
                                  "commit %.12s of this branch's history cannot be read (git fsck)",
                                  git_oid_tostr_s(&at));
        }
        rc = each(ctx, c);
        more = git_commit_parentcount(c) > 0;
        if (more)
            git_oid_cpy(&at, git_commit_parent_id(c, 0));
        git_commit_free(c);
    }
    return rc;
}

static int kernels_differ(git_repository *repo, git_tree *before, git_tree *after, bool *out)
{
    git_diff *diff = NULL;
    int rc = repo_kernel_diff(repo, before, after, 0, 0, &diff);

    *out = rc == 0 && git_diff_num_deltas(diff) > 0;
    git_diff_free(diff);
    return rc;
}

int lineage_walk(git_repository *repo, struct lineage *out)
{
    git_oid head;

    memset(out, 0, sizeof *out);
    return git_reference_name_to_id(&head, repo, "HEAD") ? 0 : lineage_walk_from(repo, &head, out);
}

int lineage_walk_from(git_repository *repo, const git_oid *head, struct lineage *out)
{
    git_tree *after = NULL, *before = NULL;
    int rc;

    memset(out, 0, sizeof *out);
    rc = lineage_each(repo, head, lineage_add, out, &out->cut);
    if (rc == 0 && out->n)
        rc = repo_tree_of(repo, &out->joints[0].commit, &after);
    for (size_t i = 0; rc == 0 && i + 1 < out->n; i++) {
        rc = repo_tree_of(repo, &out->joints[i + 1].commit, &before);
        if (rc == 0)
            rc = kernels_differ(repo, before, after, &out->joints[i].kernel);
        git_tree_free(after);
        after = before;
        before = NULL;
    }
    git_tree_free(after);
    return rc;
}

size_t lineage_index(const struct lineage *l, const git_oid *commit)
{
    size_t i = 0;

    while (i < l->n && !git_oid_equal(commit, &l->joints[i].commit))
        i++;
    return i;
}

/* --- the first kernel --- */

struct first_search {
    const struct lineage *l;
    size_t index;
    int64_t experiment;
};

static int first_is(void *ctx, const struct ledger_row *row)
{
    struct first_search *s = ctx;
    git_oid parent;

    if (strcmp(row->verdict, LEDGER_SEAL) == 0 || git_oid_fromstr(&parent, row->parent))
        return 0;
    s->index = lineage_index(s->l, &parent);
    s->experiment = row->experiment;
    return s->index < s->l->n;
}

int lineage_first(struct ratchet *r, const struct lineage *l, int64_t from, size_t *index,
                  int64_t *experiment)
{
    struct first_search s = {.l = l};
    int rc = ledger_each(r->ledger, from ? from : 1, from, first_is, &s);

    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(ERR_CONFLICT,
                       from
                           ? "experiment %lld was not tried on an ancestor of HEAD: check out "
                             "the branch that it was tried on"
                           : "no experiment was tried on an ancestor of HEAD: check out the branch "
                             "that they were tried on, or try one",
                       (long long)from);
    *index = s.index;
    *experiment = s.experiment;
    return 0;
}
