/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/git/worktree.h"

#include "ratchet/git/repo.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct worktree {
    git_repository *repo;
    git_index *index;
    const char *root;
};

static void worktree_close(struct worktree *w)
{
    git_index_free(w->index);
    git_repository_free(w->repo);
}

/* 1 when the worktree exists and is on `branch` at `commit`, 0 when it is not. */
static int worktree_open(const char *path, const char *branch, const git_oid *commit,
                         struct worktree *w)
{
    git_reference *head = NULL;
    int there;

    memset(w, 0, sizeof *w);
    w->root = path;
    if (git_repository_open(&w->repo, path))
        return 0;
    there = git_repository_head(&head, w->repo) == 0 &&
            strcmp(git_reference_name(head), branch) == 0 && git_reference_target(head) &&
            git_oid_equal(git_reference_target(head), commit);
    git_reference_free(head);
    if (there && (git_repository_index(&w->index, w->repo) || git_index_read(w->index, 1))) {
        worktree_close(w);
        return repo_fail("reading the index");
    }
    if (!there)
        worktree_close(w);
    return there;
}

/* What stands at a path: no file, a regular file with blob id *id, or something else. */
enum standing { STANDS_NOTHING, STANDS_FILE, STANDS_OTHER };

static enum standing disk_state(const struct worktree *w, const char *path, char full[PATH_MAX],
                                git_oid *id)
{
    struct strbuf content = {0};
    enum standing what = STANDS_OTHER;
    struct stat st;

    if (snprintf(full, PATH_MAX, "%s%s", w->root, path) >= PATH_MAX)
        return STANDS_OTHER;
    if (lstat(full, &st))
        return errno == ENOENT || errno == ENOTDIR ? STANDS_NOTHING : STANDS_OTHER;
    if (S_ISREG(st.st_mode) && file_read(full, &content) == 0 &&
        git_odb_hash(id, strbuf_str(&content), content.len, GIT_OBJECT_BLOB) == 0)
        what = STANDS_FILE;
    strbuf_deinit(&content);
    return what;
}

static bool stands(enum standing what, const git_oid *have, bool expect, const git_oid *want)
{
    return expect ? what == STANDS_FILE && git_oid_equal(have, want) : what == STANDS_NOTHING;
}

static bool index_stands(const struct worktree *w, const char *path, bool expect,
                         const git_oid *want)
{
    const git_index_entry *e = git_index_get_bypath(w->index, path, 0);

    return expect ? e && git_oid_equal(&e->id, want) : !e;
}

/* Set or remove an entry. With the same bytes on disk its stat data is taken, so git sees it as
 * clean without reading the file. */
static int index_set(struct worktree *w, const char *path, bool present, const git_oid *id,
                     git_filemode_t mode)
{
    git_index_entry e = {.mode = mode, .path = path};
    const git_index_entry *added;
    char full[PATH_MAX];
    git_oid have;
    int rc;

    if (!present)
        rc = git_index_remove(w->index, path, 0);
    else if (stands(disk_state(w, path, full, &have), &have, true, id)) {
        rc = git_index_add_bypath(w->index, path);
        added = rc ? NULL : git_index_get_bypath(w->index, path, 0);
        if (added && added->mode != (uint32_t)mode) { /* chmod is the user's, not the attempt's */
            e = *added;
            e.mode = mode;
            e.path = path;
            rc = git_index_add(w->index, &e);
        }
    } else {
        git_oid_cpy(&e.id, id);
        rc = git_index_add(w->index, &e);
    }
    return rc && rc != GIT_ENOTFOUND ? repo_fail("index entry %s", path) : 0;
}

/* Write a file, keeping the permissions it has; a new one gets those of `mode`. */
static int disk_write(const char *full, const struct strbuf *content, git_filemode_t mode)
{
    mode_t permissions = mode == GIT_FILEMODE_BLOB_EXECUTABLE ? 0755 : 0644;
    struct stat st;

    if (lstat(full, &st) == 0)
        permissions = st.st_mode & 0777;
    TRY(file_write_atomic(full, strbuf_str(content), content->len));
    return chmod(full, permissions) ? err_set(ERR_IO, "%s: %s", full, strerror(errno)) : 0;
}

/* Bring one path from a known state to another on disk; *in_line false when it is in neither. */
static int disk_move(struct worktree *w, const char *path, bool has_from, const git_oid *from,
                     bool has_to, const git_oid *to, git_filemode_t mode, bool *in_line)
{
    struct strbuf content = {0};
    char full[PATH_MAX];
    git_oid have;
    enum standing what = disk_state(w, path, full, &have);
    int rc = 0;

    *in_line = true;
    if (stands(what, &have, has_to, to))
        return 0;
    if (!stands(what, &have, has_from, from)) {
        *in_line = false;
        return 0;
    }
    if (!has_to)
        return unlink(full) && errno != ENOENT ? err_set(ERR_IO, "%s: %s", full, strerror(errno))
                                               : 0;
    rc = repo_blob_read(w->repo, to, &content);
    if (rc == 0) {
        char *slash = strrchr(full, '/');

        *slash = '\0';
        rc = file_make_dirs(full);
        *slash = '/';
    }
    if (rc == 0)
        rc = disk_write(full, &content, mode);
    strbuf_deinit(&content);
    return rc;
}

static void left_add(struct strbuf *left, const char *path)
{
    strbuf_addf(left, "%s%s", left->len ? ", " : "", path);
}

static int index_write(struct worktree *w)
{
    return git_index_write(w->index)
               ? repo_fail(
                     "writing the index (no git at work? remove that lock, then `ratchet recover`)")
               : 0;
}

/* --- after a win --- */

static int advance_results(struct worktree *w, const git_oid *from, const git_oid *to,
                           struct strbuf *left)
{
    git_tree *before = NULL, *after = NULL;
    git_oid was = {{0}}, is = {{0}};
    bool had = false, in_line = true;
    int rc = repo_tree_of(w->repo, from, &before);

    if (rc == 0)
        rc = repo_tree_of(w->repo, to, &after);
    if (rc < 0)
        goto out;
    had = repo_entry(before, REPO_RESULTS, &was);
    if (!repo_entry(after, REPO_RESULTS, &is))
        goto out;
    rc = disk_move(w, REPO_RESULTS, had, &was, true, &is, GIT_FILEMODE_BLOB, &in_line);
    if (!in_line)
        left_add(left, REPO_RESULTS);
    if (rc == 0 && index_stands(w, REPO_RESULTS, had, &was))
        rc = index_set(w, REPO_RESULTS, true, &is, GIT_FILEMODE_BLOB);
out:
    git_tree_free(before);
    git_tree_free(after);
    return rc;
}

/* Mutable files from the bytes of one commit to those of another; `left` may be NULL. */
static int advance_kernel(struct worktree *w, const git_oid *from, const git_oid *to,
                          struct strbuf *left)
{
    struct repo_changes changes;
    size_t others;
    int rc = repo_changes_between(w->repo, from, to, &changes, &others);

    for (size_t i = 0; rc == 0 && i < changes.n; i++) {
        const struct repo_change *c = &changes.item[i];
        bool in_line = true;

        rc = disk_move(w, c->path, c->has_before, &c->before, c->has_after, &c->after, c->mode,
                       &in_line);
        if (rc == 0 && !in_line && left)
            left_add(left, c->path);
        if (rc == 0 && (index_stands(w, c->path, c->has_before, &c->before) ||
                        index_stands(w, c->path, c->has_after, &c->after)))
            rc = index_set(w, c->path, c->has_after, &c->after, c->mode);
    }
    return rc;
}

int worktree_advance(const char *path, const char *branch, const git_oid *source,
                     const git_oid *from, const git_oid *to, struct strbuf *left)
{
    struct worktree w;
    int rc = worktree_open(path, branch, to, &w);

    if (rc <= 0)
        return rc;
    rc = advance_kernel(&w, source, to, NULL);
    if (rc == 0)
        rc = advance_kernel(&w, from, to, left);
    if (rc == 0)
        rc = advance_results(&w, from, to, left);
    if (rc == 0)
        rc = index_write(&w);
    worktree_close(&w);
    return rc;
}

/* --- after anything else --- */

static int restore_one(struct worktree *w, const struct repo_change *c, size_t *n_restored,
                       struct strbuf *left)
{
    char full[PATH_MAX];
    git_oid have;
    enum standing what = disk_state(w, c->path, full, &have);
    bool untouched = stands(what, &have, c->has_before, &c->before), in_line;

    TRY(disk_move(w, c->path, c->has_after, &c->after, c->has_before, &c->before, c->mode,
                  &in_line));
    if (!in_line) {
        left_add(left, c->path);
        return 0;
    }
    *n_restored += !untouched;
    if (index_stands(w, c->path, c->has_after, &c->after) ||
        index_stands(w, c->path, c->has_before, &c->before))
        return index_set(w, c->path, c->has_before, &c->before, c->mode);
    return 0;
}

int worktree_restore(const char *path, const char *branch, const git_oid *head,
                     const git_oid *attempt, size_t *n_restored, struct strbuf *left)
{
    struct repo_changes changes;
    struct worktree w;
    size_t others;
    int rc = worktree_open(path, branch, head, &w);

    *n_restored = 0;
    if (rc == 0)
        strbuf_addf(left, "everything (the working tree is no longer on this branch and commit)");
    if (rc <= 0)
        return rc;
    rc = repo_changes_between(w.repo, head, attempt, &changes, &others);
    for (size_t i = 0; rc == 0 && i < changes.n; i++)
        rc = restore_one(&w, &changes.item[i], n_restored, left);
    if (rc == 0)
        rc = index_write(&w);
    worktree_close(&w);
    return rc;
}
