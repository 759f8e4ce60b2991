/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/workspace.h"

#include "ratchet/git/repo.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUTSIDE_LINES = 8, DEEPEST = 32 };

/* --- the folder --- */

void workspace_place(const char *id, struct strbuf *out)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME"), *tmp = getenv("TMPDIR");

    if (cache && *cache == '/')
        strbuf_addf(out, "%s/pawl", cache);
    else if (home && *home == '/')
        strbuf_addf(out, "%s/.cache/pawl", home);
    else
        strbuf_addf(out, "%s/pawl-%u", tmp && *tmp == '/' ? tmp : "/tmp", (unsigned)getuid());
    strbuf_addf(out, "/agents/%s", id);
}

void workspace_name(const char *base, struct workspace *out)
{
    *out = (struct workspace){0};
    strbuf_addf(&out->base, "%s", base);
    strbuf_addf(&out->tree, "%s/tree", out->base.data);
    strbuf_addf(&out->kernel, "%s/kernel", out->tree.data);
    strbuf_addf(&out->scratch, "%s/scratch", out->base.data);
    strbuf_addf(&out->cache, "%s/cache", out->base.data);
}

void workspace_deinit(struct workspace *w)
{
    strbuf_deinit(&w->base);
    strbuf_deinit(&w->tree);
    strbuf_deinit(&w->kernel);
    strbuf_deinit(&w->scratch);
    strbuf_deinit(&w->cache);
}

/* Folders without permissions and paths of any length are for tools that can do that. */
static int remove_folder(char *path)
{
    char *const allow[] = {"chmod", "-R", "u+rwx", "--", path, NULL};
    char *const remove[] = {"rm", "-rf", "--", path, NULL};
    struct strbuf said = {0};
    int rc;

    if (file_remove_tree(path) == 0)
        return 0;
    process_run(allow, NULL, 0, &said);
    strbuf_clear(&said);
    rc = process_run(remove, NULL, 0, &said);
    if (rc > 0)
        rc = err_set(ERR_IO, "removing %s: %s", path, strbuf_str(&said));
    strbuf_deinit(&said);
    return rc;
}

int workspace_clear(struct workspace *w)
{
    return remove_folder(w->scratch.data);
}

int workspace_remove(struct workspace *w)
{
    return remove_folder(w->base.data);
}

static int make_writable(const char *root, const git_tree_entry *e, void *ctx)
{
    const struct workspace *w = ctx;
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s%s", root, git_tree_entry_name(e));
    if (git_tree_entry_type(e) != GIT_OBJECT_BLOB || !repo_path_mutable(path))
        return 0;
    snprintf(path, sizeof path, "%s/%s%s", w->tree.data, root, git_tree_entry_name(e));
    return chmod(path, 0644) && errno != ENOENT ? -1 : 0;
}

static int check_out(struct ratchet *r, const git_tree *tree, const struct workspace *w)
{
    git_checkout_options o;
    git_object *object = NULL;
    int rc;

    git_checkout_options_init(&o, GIT_CHECKOUT_OPTIONS_VERSION);
    o.checkout_strategy = GIT_CHECKOUT_FORCE | GIT_CHECKOUT_DONT_UPDATE_INDEX;
    o.disable_filters = 1;
    o.file_mode = 0444;
    o.target_directory = w->tree.data;
    if (git_object_lookup(&object, r->repo, git_tree_id(tree), GIT_OBJECT_TREE))
        return repo_fail("HEAD's tree");
    rc = git_checkout_tree(r->repo, object, &o) ? repo_fail("filling %s", w->tree.data) : 0;
    git_object_free(object);
    return rc;
}

int workspace_fill(struct ratchet *r, struct workspace *w)
{
    char branch[REPO_REF];
    git_tree *tree = NULL;
    int rc;

    TRY(repo_head(r->repo, branch, &w->head));
    TRY(remove_folder(w->tree.data));
    TRY(remove_folder(w->scratch.data));
    TRY(file_make_dirs(w->scratch.data));
    TRY(file_make_dirs(w->cache.data));
    TRY(file_make_dirs(w->kernel.data));
    TRY(repo_tree_of(r->repo, &w->head, &tree));
    rc = check_out(r, tree, w);
    if (rc == 0 && git_tree_walk(tree, GIT_TREEWALK_PRE, make_writable, w))
        rc = err_set(ERR_IO, "%s: %s", w->kernel.data, strerror(errno));
    git_tree_free(tree);
    return rc;
}

/* --- what changed --- */

struct look {
    struct ratchet *r;
    const struct workspace *w;
    git_tree *tree;
    struct workspace_change *out;
    size_t n_outside;
    size_t n_mutable; /* files that are there, and those of HEAD that are gone */
};

static void outside(struct look *l, const char *path, const char *what)
{
    if (++l->n_outside <= OUTSIDE_LINES)
        strbuf_addf(&l->out->outside, "%s%s %s", l->n_outside > 1 ? ", " : "", path, what);
    else if (l->n_outside == OUTSIDE_LINES + 1)
        strbuf_addf(&l->out->outside, ", ...");
}

/* Blob id of a file or a link as it is on disk; false when it cannot be read. */
static bool blob_on_disk(const char *full, const struct stat *st, git_oid *id)
{
    char target[PATH_MAX];
    ssize_t n;

    if (!S_ISLNK(st->st_mode))
        return git_odb_hashfile(id, full, GIT_OBJECT_BLOB) == 0;
    n = readlink(full, target, sizeof target);
    return n >= 0 && git_odb_hash(id, target, (size_t)n, GIT_OBJECT_BLOB) == 0;
}

static bool dropping(struct look *l, const char *path)
{
    int ignored = 0;

    return path[0] == '.' || strstr(path, "/.") ||
           (git_ignore_path_is_ignored(&ignored, l->r->repo, path) == 0 && ignored);
}

static void look_at_mutable(struct look *l, const char *path, const char *full,
                            const struct stat *st)
{
    l->n_mutable++;
    if (!S_ISREG(st->st_mode))
        outside(l, path, "is no regular file");
    else if (st->st_size > WORKSPACE_FILE_BYTES)
        outside(l, path, "is larger than 4 MiB");
    else if (strlen(path) >= REPO_REF)
        outside(l, path, "has too long a name");
    else if (access(full, R_OK))
        outside(l, path, "cannot be read");
}

/* `st` is no folder, or one with a mutable file's name. */
static void look_at_file(struct look *l, const char *path, const char *full, const struct stat *st)
{
    git_tree_entry *e = NULL;
    git_oid id;

    if (git_tree_entry_bypath(&e, l->tree, path))
        e = NULL;
    if (repo_path_mutable(path)) {
        look_at_mutable(l, path, full, st);
    } else if (!e) {
        if (!dropping(l, path))
            outside(l, path, "is new");
    } else if (!S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode)) {
        outside(l, path, "is no file any more");
    } else if (!blob_on_disk(full, st, &id)) {
        outside(l, path, "cannot be read");
    } else if (!git_oid_equal(&id, git_tree_entry_id(e))) {
        outside(l, path, "was changed");
    }
    git_tree_entry_free(e);
}

static void look_into(struct look *l, const char *folder, int depth)
{
    char full[PATH_MAX], path[PATH_MAX];
    struct dirent *e;
    struct stat st;
    DIR *d;

    if (depth == DEEPEST) {
        outside(l, folder, "is too deep a folder");
        return;
    }
    snprintf(full, sizeof full, "%s/%s", l->w->tree.data, folder);
    d = opendir(full);
    if (!d) {
        outside(l, *folder ? folder : "the folder", "cannot be read");
        return;
    }
    while ((e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", e->d_name) >=
                (int)sizeof path ||
            snprintf(full, sizeof full, "%s/%s", l->w->tree.data, path) >= (int)sizeof full) {
            outside(l, folder, "holds paths that are too long");
            continue;
        }
        if (lstat(full, &st))
            outside(l, path, "cannot be read");
        else if (S_ISDIR(st.st_mode) && !repo_path_mutable(path))
            look_into(l, path, depth + 1);
        else
            look_at_file(l, path, full, &st);
    }
    closedir(d);
}

/* A file of HEAD that is gone: a mutable one is a change as any other, and counts as one. */
static int look_for_gone(const char *root, const git_tree_entry *e, void *ctx)
{
    struct look *l = ctx;
    char path[PATH_MAX], full[PATH_MAX];
    struct stat st;

    snprintf(path, sizeof path, "%s%s", root, git_tree_entry_name(e));
    if (git_tree_entry_type(e) != GIT_OBJECT_BLOB ||
        snprintf(full, sizeof full, "%s/%s", l->w->tree.data, path) >= (int)sizeof full ||
        lstat(full, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return 0;
    if (repo_path_mutable(path))
        l->n_mutable++;
    else
        outside(l, path, "is gone");
    return 0;
}

/* --- the kernel that is there now --- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int workspace_kernel(const struct workspace *w, char hex[SHA256_HEX])
{
    const char *folder = w->kernel.data;
    struct strbuf lines = {0}, content = {0};
    char *names[REPO_MAX_CHANGES], path[PATH_MAX];
    struct dirent *e;
    size_t n = 0;
    int rc = 0;
    DIR *d = opendir(folder);

    if (!d)
        return err_set(ERR_IO, "%s: %s", folder, strerror(errno));
    while ((e = readdir(d)) && n < REPO_MAX_CHANGES) {
        snprintf(path, sizeof path, "kernel/%s", e->d_name);
        if (repo_path_mutable(path))
            names[n++] = strdup(path);
    }
    closedir(d);
    if (n)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i] + strlen("kernel/"));
        strbuf_clear(&content);
        if (rc == 0)
            rc = file_read(path, &content);
        sha256_hex(strbuf_str(&content), content.len, hex);
        strbuf_addf(&lines, "%s  %s\n", hex, names[i]);
        free(names[i]);
    }
    sha256_hex(strbuf_str(&lines), lines.len, hex);
    strbuf_deinit(&lines);
    strbuf_deinit(&content);
    return rc;
}

int workspace_look(struct ratchet *r, const struct workspace *w, struct workspace_change *out)
{
    struct look l = {.r = r, .w = w, .out = out};
    char head[SHA256_HEX];
    int rc;

    *out = (struct workspace_change){0};
    strbuf_add(&out->outside, "", 0);
    TRY(repo_tree_of(r->repo, &w->head, &l.tree));
    look_into(&l, "", 0);
    rc = git_tree_walk(l.tree, GIT_TREEWALK_PRE, look_for_gone, &l)
             ? repo_fail("walking HEAD's tree")
             : repo_kernel_digest(r->repo, l.tree, head);
    if (l.n_mutable > REPO_MAX_CHANGES)
        outside(&l, "kernel", "holds too many files (64 with those of HEAD that are gone)");
    if (rc == 0 && l.n_outside == 0) {
        if (workspace_kernel(w, out->kernel) < 0)
            outside(&l, "kernel", "cannot be read");
        out->changed = strcmp(head, out->kernel) != 0;
    }
    git_tree_free(l.tree);
    return rc;
}
