/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/scope.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Editors leave these; they enter neither the judge hash nor the build. */
static bool dropping(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    return name[0] == '.' || name[strlen(name) - 1] == '~';
}

static void list_path(struct strbuf *list, size_t *n, const char *path)
{
    if (++*n <= 5)
        strbuf_addf(list, "\n    %s", path);
    else if (*n == 6)
        strbuf_addf(list, "\n    ...");
}

static int refuse(const struct strbuf *changed, const struct strbuf *untracked)
{
    if (changed->len)
        return err_set(ERR_CONFLICT,
                       "only kernel/*.c and kernel/*.inc may change in a try; also changed:%s\n"
                       "nothing was built; commit or undo these first (git restore <path>)",
                       changed->data);
    if (untracked->len)
        return err_set(ERR_CONFLICT,
                       "untracked files in sealed folders:%s\n"
                       "nothing was built; commit, move or delete these first",
                       untracked->data);
    return 0;
}

static int check_status(git_repository *repo)
{
    git_status_options o;
    struct strbuf changed = {0}, untracked = {0};
    size_t n_changed = 0, n_untracked = 0;
    git_status_list *list = NULL;
    int rc;

    git_status_options_init(&o, GIT_STATUS_OPTIONS_VERSION);
    o.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
    o.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_RECURSE_UNTRACKED_DIRS |
              GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
    if (git_status_list_new(&list, repo, &o))
        return repo_fail("git status");
    for (size_t i = 0; i < git_status_list_entrycount(list); i++) {
        const git_status_entry *e = git_status_byindex(list, i);
        const git_diff_delta *d = e->head_to_index ? e->head_to_index : e->index_to_workdir;
        const char *path = d->new_file.path ? d->new_file.path : d->old_file.path;

        if (repo_path_mutable(path))
            continue;
        if (e->status != GIT_STATUS_WT_NEW)
            list_path(&changed, &n_changed, path);
        else if (repo_path_sealed_folder(path) && !dropping(path))
            list_path(&untracked, &n_untracked, path);
    }
    rc = refuse(&changed, &untracked);
    git_status_list_free(list);
    strbuf_deinit(&changed);
    strbuf_deinit(&untracked);
    return rc;
}

static struct repo_change *change_find(struct repo_changes *c, const char *path)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->item[i].path, path) == 0)
            return &c->item[i];
    return NULL;
}

static int change_add(struct repo_changes *c, const char *path, struct repo_change **out)
{
    if (strlen(path) >= REPO_REF)
        return err_set(ERR_RANGE, "%.60s...: the name is longer than %d bytes; shorten it", path,
                       REPO_REF - 1);
    if (c->n == REPO_MAX_CHANGES)
        return err_set(ERR_RANGE, "more than %d kernel files, those of HEAD that are gone included",
                       REPO_MAX_CHANGES);
    *out = &c->item[c->n++];
    memset(*out, 0, sizeof **out);
    snprintf((*out)->path, REPO_REF, "%s", path);
    (*out)->mode = GIT_FILEMODE_BLOB;
    return 0;
}

/* Every mutable file of HEAD, as "before". */
static int head_files(struct ratchet *r, const git_oid *head, struct repo_changes *c)
{
    git_tree *tree = NULL, *kernel = NULL;
    git_tree_entry *e = NULL;
    int rc = repo_tree_of(r->repo, head, &tree);

    if (rc < 0)
        return rc;
    if (git_tree_entry_bypath(&e, tree, "kernel") == 0 &&
        git_tree_entry_type(e) == GIT_OBJECT_TREE &&
        git_tree_lookup(&kernel, r->repo, git_tree_entry_id(e)))
        rc = repo_fail("kernel/");
    for (size_t i = 0; rc == 0 && kernel && i < git_tree_entrycount(kernel); i++) {
        const git_tree_entry *f = git_tree_entry_byindex(kernel, i);
        struct repo_change *item;
        char path[PATH_MAX];

        snprintf(path, sizeof path, "kernel/%s", git_tree_entry_name(f));
        if (!repo_path_mutable(path) || git_tree_entry_type(f) != GIT_OBJECT_BLOB)
            continue;
        rc = change_add(c, path, &item);
        if (rc == 0) {
            item->has_before = true;
            item->mode = git_tree_entry_filemode(f);
            git_oid_cpy(&item->before, git_tree_entry_id(f));
        }
    }
    git_tree_entry_free(e);
    git_tree_free(kernel);
    git_tree_free(tree);
    return rc;
}

/* What is judged are the bytes on disk. Where git would commit others (line ends, a filter), the
 * incumbent and the restored file would not be what the user sees. */
static int check_unfiltered(struct ratchet *r, const char *path, const struct strbuf *content)
{
    git_filter_list *filters = NULL;
    git_buf out = GIT_BUF_INIT;
    int rc = 0;

    if (git_filter_list_load(&filters, r->repo, NULL, path, GIT_FILTER_TO_ODB,
                             GIT_FILTER_ALLOW_UNSAFE))
        return repo_fail("git's filters of %s", path);
    if (filters &&
        git_filter_list_apply_to_buffer(&out, filters, strbuf_str(content), content->len))
        rc = repo_fail("git's filters of %s", path);
    else if (filters &&
             (out.size != content->len || memcmp(out.ptr, strbuf_str(content), out.size) != 0))
        rc = err_set(ERR_CONFLICT,
                     "git would not commit %s byte for byte (line ends or a filter: see "
                     "core.autocrlf and .gitattributes); nothing was built. Put `* -text` into "
                     ".git/info/attributes and check the files out again",
                     path);
    git_buf_dispose(&out);
    git_filter_list_free(filters);
    return rc;
}

/* One mutable file on disk becomes the "after" of its entry. */
static int disk_file(struct ratchet *r, const char *folder, const char *path,
                     struct repo_changes *c)
{
    struct repo_change *item = change_find(c, path);
    struct strbuf content = {0};
    char full[PATH_MAX];
    struct stat st;
    int rc;

    if (snprintf(full, sizeof full, "%s/%s", folder, path) >= (int)sizeof full)
        return err_set(ERR_RANGE, "%s: path too long", path);
    if (lstat(full, &st))
        return err_set(ERR_IO, "%s: %s", full, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(ERR_CONFLICT, "%s is no regular file; nothing was built", path);
    if (!item)
        TRY(change_add(c, path, &item));
    rc = file_read(full, &content);
    if (rc == 0)
        rc = check_unfiltered(r, path, &content);
    if (rc == 0 &&
        git_blob_create_from_buffer(&item->after, r->repo, strbuf_str(&content), content.len))
        rc = repo_fail("%s", path);
    item->has_after = true;
    strbuf_deinit(&content);
    return rc;
}

static int disk_files(struct ratchet *r, const char *folder, struct repo_changes *c)
{
    char dir[PATH_MAX], path[PATH_MAX];
    struct dirent *e;
    int rc = 0;
    DIR *d;

    snprintf(dir, sizeof dir, "%s/kernel", folder);
    d = opendir(dir);
    if (!d)
        return errno == ENOENT ? 0 : err_set(ERR_IO, "%s: %s", dir, strerror(errno));
    while (rc == 0 && (e = readdir(d))) {
        snprintf(path, sizeof path, "kernel/%s", e->d_name);
        if (repo_path_mutable(path))
            rc = disk_file(r, folder, path, c);
    }
    closedir(d);
    return rc;
}

int scope_changes(struct ratchet *r, const char *folder, const git_oid *head,
                  struct repo_changes *out)
{
    size_t n = 0;

    out->n = 0;
    TRY(head_files(r, head, out));
    TRY(disk_files(r, folder ? folder : r->root, out));
    for (size_t i = 0; i < out->n; i++) {
        const struct repo_change *c = &out->item[i];

        if (c->has_before != c->has_after || !git_oid_equal(&c->before, &c->after))
            out->item[n++] = *c;
    }
    out->n = n;
    return 0;
}

/* --- the whole of it --- */

int scope_check_judge(struct ratchet *r, const git_oid *head)
{
    git_tree *tree = NULL;
    char hash[SHA256_HEX];
    int rc = repo_tree_of(r->repo, head, &tree);

    if (rc == 0)
        rc = repo_judge_hash(r->repo, tree, hash);
    if (rc == 0 && strcmp(hash, r->judge->hash) != 0)
        rc = err_set(
            ERR_CONFLICT,
            "this program was built from other sealed sources (judge hash %.12s) than HEAD has "
            "(%.12s); rebuild: make",
            r->judge->hash, hash);
    git_tree_free(tree);
    return rc;
}

static int find_base(git_repository *repo, const char *base, git_oid *out)
{
    git_object *found = NULL, *commit = NULL;
    int rc = 0;

    if (git_revparse_single(&found, repo, base) ||
        git_object_peel(&commit, found, GIT_OBJECT_COMMIT))
        rc = err_set(ERR_USAGE, "--base %s: this repository has no such commit", base);
    else
        git_oid_cpy(out, git_object_id(commit));
    git_object_free(found);
    git_object_free(commit);
    return rc;
}

/* Merge the change from out->base to commit `change` onto out->head: out->tree. */
static int merge_onto_head(struct ratchet *r, const git_oid *change, struct scope *out)
{
    char base[REPO_HEX], head[REPO_HEX];
    struct strbuf conflicts = {0};
    git_tree *tree = NULL;
    int rc = repo_change_merge(r->repo, &out->base, change, &out->head, &out->tree, &conflicts);

    git_oid_tostr(base, sizeof base, &out->base);
    git_oid_tostr(head, sizeof head, &out->head);
    if (rc == 0)
        rc = err_set(ERR_CONFLICT,
                     "the change was made against %.12s, and since then %.12s changed the same "
                     "lines of %s; your files were left as they are. Make the change anew on HEAD, "
                     "or merge by hand and try without --base (git diff %.12s %.12s -- kernel)",
                     base, head, conflicts.data, base, head);
    if (rc == 1)
        rc = repo_tree_of(r->repo, &out->head, &tree);
    if (rc == 0 && git_oid_equal(git_tree_id(tree), &out->tree))
        out->changes.n = 0;
    git_tree_free(tree);
    strbuf_deinit(&conflicts);
    return rc;
}

/* A commit that nothing names holds what was found on disk, for the merge. */
static int store_source(struct ratchet *r, const git_oid *tree, const git_oid *base, git_oid *out)
{
    struct repo_commit c = {.message = "a change as it was found\n", .tree = tree, .n_parents = 1};
    char now[32];

    ratchet__time_now(now);
    c.time = ratchet__time_parse(now);
    git_oid_cpy(&c.parents[0], base);
    return repo_commit_store(r->repo, &c, out);
}

/* The change in `folder` against out->base becomes out->tree. */
static int take_change(struct ratchet *r, const char *folder, struct scope *out)
{
    git_tree *base = NULL;
    int rc = scope_changes(r, folder, &out->base, &out->changes);

    if (rc == 0)
        rc = repo_tree_of(r->repo, &out->base, &base);
    if (rc == 0)
        rc = repo_changes_apply(r->repo, base, &out->changes, &out->tree);
    git_tree_free(base);
    if (rc < 0 || git_oid_equal(&out->base, &out->head) || out->changes.n == 0)
        return rc;
    TRY(store_source(r, &out->tree, &out->base, &out->source));
    return merge_onto_head(r, &out->source, out);
}

int scope_check(struct ratchet *r, const char *folder, const char *base, struct scope *out)
{
    memset(out, 0, sizeof *out);
    TRY(repo_head(r->repo, out->branch, &out->head));
    if (strcmp(out->branch, "refs/heads/ratchet-log") == 0)
        return err_set(ERR_CONFLICT,
                       "ratchet-log is the ratchet's own branch; git switch to another");
    if (!folder)
        TRY(check_status(r->repo));
    TRY(scope_check_judge(r, &out->head));
    if (base)
        TRY(find_base(r->repo, base, &out->base));
    else
        git_oid_cpy(&out->base, &out->head);
    return take_change(r, folder, out);
}

int scope_follow(struct ratchet *r, const struct proposal *p, struct scope *out)
{
    int rc;

    memset(out, 0, sizeof *out);
    snprintf(out->branch, sizeof out->branch, "%s", p->branch);
    git_oid_cpy(&out->base, &p->parent);
    git_oid_cpy(&out->source, &p->source);
    rc = repo_ref_target(r->repo, out->branch, &out->head);
    if (rc == 0)
        rc = err_set(ERR_CONFLICT, "%s is gone", out->branch);
    TRY(rc);
    TRY(scope_check_judge(r, &out->head));
    out->changes.n = 1;
    TRY(merge_onto_head(r, &p->attempt, out));
    return out->changes.n ? 0 : err_set(ERR_CONFLICT, "HEAD has this change already");
}
