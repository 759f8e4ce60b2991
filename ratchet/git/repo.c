/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/git/repo.h"

#include "ratchet/git/ref_lock.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int repo_fail(const char *fmt, ...)
{
    const git_error *e = git_error_last();
    char what[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return err_set(ERR_IO, "%s: %s", what, e ? e->message : "git error");
}

int repo_head(git_repository *repo, char branch[REPO_REF], git_oid *commit)
{
    git_reference *head = NULL;
    int rc = 0;

    if (git_repository_state(repo) != GIT_REPOSITORY_STATE_NONE)
        return err_set(ERR_CONFLICT,
                       "a merge, rebase, cherry-pick or bisect is under way here; finish "
                       "or abort it first (git status)");
    if (git_repository_head_unborn(repo) == 1)
        return err_set(ERR_CONFLICT,
                       "this branch has no commit yet; commit a first kernel to start from");
    if (git_repository_head_detached(repo) == 1)
        return err_set(ERR_CONFLICT,
                       "HEAD is detached; the ratchet moves a branch: git switch <branch>");
    if (git_repository_head(&head, repo))
        return repo_fail("reading HEAD");
    if (!git_reference_target(head) || strlen(git_reference_name(head)) >= REPO_REF) {
        rc = err_set(ERR_CONFLICT, "HEAD is on no ordinary branch");
    } else {
        snprintf(branch, REPO_REF, "%s", git_reference_name(head));
        git_oid_cpy(commit, git_reference_target(head));
    }
    git_reference_free(head);
    return rc;
}

int repo_tree_of(git_repository *repo, const git_oid *commit, git_tree **out)
{
    git_commit *c = NULL;
    int rc = 0;

    *out = NULL;
    if (git_commit_lookup(&c, repo, commit) || git_commit_tree(out, c))
        rc = repo_fail("commit %.12s", git_oid_tostr_s(commit));
    git_commit_free(c);
    return rc;
}

int repo_entry(const git_tree *tree, const char *path, git_oid *id)
{
    git_tree_entry *e = NULL;
    int found = 0;

    if (git_tree_entry_bypath(&e, tree, path) == 0 && git_tree_entry_type(e) == GIT_OBJECT_BLOB) {
        git_oid_cpy(id, git_tree_entry_id(e));
        found = 1;
    }
    git_tree_entry_free(e);
    return found;
}

int repo_blob_read(git_repository *repo, const git_oid *id, struct strbuf *out)
{
    git_blob *blob = NULL;

    if (git_blob_lookup(&blob, repo, id))
        return repo_fail("blob %.12s", git_oid_tostr_s(id));
    strbuf_add(out, git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
    git_blob_free(blob);
    return 0;
}

int repo_file_read(git_repository *repo, const git_tree *tree, const char *path, struct strbuf *out)
{
    git_oid id;

    if (!repo_entry(tree, path, &id))
        return 0;
    TRY(repo_blob_read(repo, &id, out));
    return 1;
}

/* git's user with the given date; a repository without user.name still must not lose a row. */
static int signature_make(git_repository *repo, const char *author, int64_t time,
                          git_signature **out)
{
    git_signature *who = NULL;
    int rc;

    if (git_signature_default(&who, repo))
        who = NULL;
    rc = git_signature_new(out,
                           author && *author ? author
                           : who             ? who->name
                                             : "unknown",
                           who ? who->email : "unknown@localhost", (git_time_t)time, 0);
    if (rc && author) /* a name git cannot hold (only "<>.," and the like) */
        rc = git_signature_new(out, who ? who->name : "unknown",
                               who ? who->email : "unknown@localhost", (git_time_t)time, 0);
    git_signature_free(who);
    return rc ? repo_fail("signature") : 0;
}

int repo_commit_store(git_repository *repo, const struct repo_commit *c, git_oid *out)
{
    git_signature *author = NULL, *committer = NULL;
    git_commit *parents[2] = {NULL, NULL};
    git_tree *tree = NULL;
    int rc = signature_make(repo, c->author, c->time, &author);

    if (rc == 0)
        rc = signature_make(repo, NULL, c->time, &committer);
    for (size_t i = 0; rc == 0 && i < c->n_parents; i++)
        if (git_commit_lookup(&parents[i], repo, &c->parents[i]))
            rc = repo_fail("parent commit %.12s", git_oid_tostr_s(&c->parents[i]));
    if (rc == 0 && (git_tree_lookup(&tree, repo, c->tree) ||
                    git_commit_create(out, repo, NULL, author, committer, NULL, c->message, tree,
                                      c->n_parents, (const git_commit **)(void *)parents)))
        rc = repo_fail("storing a commit");
    git_tree_free(tree);
    git_commit_free(parents[0]);
    git_commit_free(parents[1]);
    git_signature_free(author);
    git_signature_free(committer);
    return rc;
}

void repo_subject(struct strbuf *out, const char *text, size_t columns)
{
    size_t n = strcspn(text, "\n");

    if (n <= columns) {
        strbuf_add(out, text, n);
        return;
    }
    n = columns - 3;
    while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    strbuf_addf(out, "%.*s...", (int)n, text);
}

void repo_user_name(git_repository *repo, struct strbuf *out)
{
    git_signature *who = NULL;

    strbuf_addf(out, "%s", git_signature_default(&who, repo) == 0 ? who->name : "unknown");
    git_signature_free(who);
}

int repo_ref_target(git_repository *repo, const char *name, git_oid *out)
{
    int rc = git_reference_name_to_id(out, repo, name);

    if (rc == GIT_ENOTFOUND)
        return 0;
    return rc ? repo_fail("%s", name) : 1;
}

int repo_refs_each(git_repository *repo, const char *glob, repo_ref_fn each, void *ctx)
{
    git_reference_iterator *it = NULL;
    const char *name;
    git_oid target;
    int rc = 0;

    if (git_reference_iterator_glob_new(&it, repo, glob))
        return repo_fail("%s", glob);
    while (rc == 0 && git_reference_next_name(&name, it) == 0)
        if (repo_ref_target(repo, name, &target) == 1)
            rc = each(ctx, name, &target);
    git_reference_iterator_free(it);
    return rc;
}

/* As git_reference_create, or _matching with `from`. */
static int ref_create(git_repository *repo, const char *name, const git_oid *from,
                      const git_oid *to, bool force, const char *why)
{
    git_reference *ref = NULL;
    int rc, tries = 0;

    do {
        rc = from ? git_reference_create_matching(&ref, repo, name, to, force, from, why)
                  : git_reference_create(&ref, repo, name, to, force, why);
    } while (rc == GIT_ELOCKED && ref_lock_wait(repo, name, &tries));
    git_reference_free(ref);
    return rc;
}

int repo_ref_set(git_repository *repo, const char *name, const git_oid *to, const char *why)
{
    return ref_create(repo, name, NULL, to, true, why) ? repo_fail("moving %s", name) : 0;
}

int repo_ref_swap(git_repository *repo, const char *name, const git_oid *from, const git_oid *to,
                  const char *why)
{
    git_oid now;
    int rc = ref_create(repo, name, from, to, from != NULL, why), there;

    if (rc == GIT_EMODIFIED || rc == GIT_EEXISTS || rc == GIT_ENOTFOUND)
        return 0;
    if (rc == 0)
        return 1;
    there = repo_ref_target(repo, name, &now); /* some back ends report a lost race as an error */
    if (there >= 0 && (from ? !there || !git_oid_equal(&now, from) : there))
        return 0;
    return repo_fail("moving %s", name);
}

bool repo_trailer(const char *message, const char *key, char *out, size_t bytes)
{
    const char *block = message, *p;
    size_t len = strlen(message), key_len = strlen(key);
    bool found = false;

    while (len && message[len - 1] == '\n')
        len--;
    for (size_t i = 0; i + 1 < len; i++)
        if (message[i] == '\n' && message[i + 1] == '\n')
            block = message + i + 2;
    for (p = block; p < message + len;) {
        size_t line = strcspn(p, "\n");

        if (line > key_len + 1 && memcmp(p, key, key_len) == 0 && p[key_len] == ':') {
            const char *value = p + key_len + 1 + strspn(p + key_len + 1, " ");

            snprintf(out, bytes, "%.*s", (int)(line - (size_t)(value - p)), value);
            found = true;
        }
        p += line + 1;
    }
    return found;
}
