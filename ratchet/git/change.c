/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of the mutable files: between two commits, made to a tree, carried from one commit onto
 * another. */
#include "ratchet/git/repo.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdio.h>
#include <string.h>

static int add_delta(const git_diff_delta *d, struct repo_changes *out, size_t *others)
{
    const char *path = d->new_file.path ? d->new_file.path : d->old_file.path;
    struct repo_change *c;

    if (!repo_path_mutable(path)) {
        ++*others;
        return 0;
    }
    if (out->n == REPO_MAX_CHANGES || strlen(path) >= REPO_REF)
        return err_set(ERR_RANGE, "more than %d changed kernel files", REPO_MAX_CHANGES);
    c = &out->item[out->n++];
    memset(c, 0, sizeof *c);
    snprintf(c->path, sizeof c->path, "%s", path);
    c->has_before = d->status != GIT_DELTA_ADDED;
    c->has_after = d->status != GIT_DELTA_DELETED;
    git_oid_cpy(&c->before, &d->old_file.id);
    git_oid_cpy(&c->after, &d->new_file.id);
    c->mode = (git_filemode_t)(c->has_before ? d->old_file.mode : d->new_file.mode);
    return 0;
}

int repo_changes_between(git_repository *repo, const git_oid *before, const git_oid *after,
                         struct repo_changes *out, size_t *others)
{
    git_tree *a = NULL, *b = NULL;
    git_diff *diff = NULL;
    int rc = repo_tree_of(repo, before, &a);

    out->n = 0;
    *others = 0;
    if (rc == 0)
        rc = repo_tree_of(repo, after, &b);
    if (rc == 0 && git_diff_tree_to_tree(&diff, repo, a, b, NULL))
        rc = repo_fail("comparing trees");
    for (size_t i = 0; rc == 0 && i < git_diff_num_deltas(diff); i++)
        rc = add_delta(git_diff_get_delta(diff, i), out, others);
    git_diff_free(diff);
    git_tree_free(a);
    git_tree_free(b);
    return rc;
}

/* --- carried elsewhere --- */

int repo_changes_apply(git_repository *repo, git_tree *base, const struct repo_changes *c,
                       git_oid *out)
{
    git_tree_update updates[REPO_MAX_CHANGES];

    memset(updates, 0, sizeof updates);
    for (size_t i = 0; i < c->n; i++) {
        const struct repo_change *item = &c->item[i];

        updates[i].action = item->has_after ? GIT_TREE_UPDATE_UPSERT : GIT_TREE_UPDATE_REMOVE;
        updates[i].filemode = item->mode;
        updates[i].path = item->path;
        git_oid_cpy(&updates[i].id, &item->after);
    }
    if (git_tree_create_updated(out, repo, base, c->n, updates))
        return repo_fail("a tree with other kernel files");
    return 0;
}

int repo_kernel_onto(git_repository *repo, const git_oid *kernel, const git_oid *onto, git_oid *out)
{
    struct repo_changes changes;
    git_tree *tree = NULL;
    size_t others;
    int rc = repo_changes_between(repo, onto, kernel, &changes, &others);

    if (rc == 0)
        rc = repo_tree_of(repo, onto, &tree);
    if (rc == 0)
        rc = repo_changes_apply(repo, tree, &changes, out);
    git_tree_free(tree);
    return rc;
}

static int list_conflicts(git_index *index, struct strbuf *out)
{
    const git_index_entry *base, *ours, *theirs;
    git_index_conflict_iterator *it = NULL;

    if (git_index_conflict_iterator_new(&it, index))
        return repo_fail("reading a merge");
    while (git_index_conflict_next(&base, &ours, &theirs, it) == 0)
        strbuf_addf(out, "%s%s", out->len ? ", " : "",
                    ours     ? ours->path
                    : theirs ? theirs->path
                             : base->path);
    git_index_conflict_iterator_free(it);
    return 0;
}

int repo_change_merge(git_repository *repo, const git_oid *base, const git_oid *change,
                      const git_oid *onto, git_oid *tree, struct strbuf *conflicts)
{
    git_merge_options options;
    const git_oid *const commits[] = {base, onto, change};
    git_tree *trees[3] = {NULL, NULL, NULL};
    git_index *merged = NULL;
    int rc = 0;

    git_merge_options_init(&options, GIT_MERGE_OPTIONS_VERSION);
    options.flags = 0; /* a file that moved is a file gone and a file made */
    for (int i = 0; rc == 0 && i < 3; i++)
        rc = repo_tree_of(repo, commits[i], &trees[i]);
    if (rc == 0 && git_merge_trees(&merged, repo, trees[0], trees[1], trees[2], &options))
        rc = repo_fail("merging two kernels");
    if (rc == 0 && git_index_has_conflicts(merged))
        rc = list_conflicts(merged, conflicts);
    else if (rc == 0)
        rc = git_index_write_tree_to(tree, merged, repo) ? repo_fail("the tree of a merge") : 1;
    git_index_free(merged);
    for (int i = 0; i < 3; i++)
        git_tree_free(trees[i]);
    return rc;
}
