/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files are sealed, which are mutable, and their digests as a git tree holds them. */
#include "ratchet/git/repo.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

bool repo_path_mutable(const char *path)
{
    const char *name = path + strlen("kernel/"), *dot;

    if (!starts(path, "kernel/") || strchr(name, '/') || name[0] == '.')
        return false;
    dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".c") == 0 || strcmp(dot, ".inc") == 0);
}

bool repo_path_sealed_folder(const char *path)
{
    return starts(path, "judge/") || starts(path, "reference/") || starts(path, "kernel/");
}

/* The same files as `judge/hash.sh --list`. */
static bool enters_judge_hash(const char *path)
{
    const char *name = base_name(path);
    size_t len = strlen(name);

    if (!starts(path, "judge/") && !starts(path, "reference/") &&
        strcmp(path, "kernel/kernel.h") != 0)
        return false;
    return name[0] != '.' && name[len - 1] != '~' && !(len > 3 && !strcmp(name + len - 3, ".md"));
}

/* --- a flat list of files of a tree --- */

struct file {
    char *path;
    git_oid id;
};
struct files {
    size_t n, cap;
    struct file *item;
    int rc; /* of collecting */
};

static void files_deinit(struct files *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->item[i].path);
    free(f->item);
}

/* git makes no such entry, but libgit2 reads what somebody wrote by hand: joined to a folder's path
 * it would lead out of it, or into git's own files. */
static bool leads_astray(const char *name)
{
    return strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
           strcasecmp(name, ".git") == 0;
}

static int collect(const char *root, const git_tree_entry *e, void *ctx)
{
    struct files *f = ctx;
    struct strbuf path = {0};
    git_filemode_t mode = git_tree_entry_filemode(e);

    if (leads_astray(git_tree_entry_name(e))) {
        f->rc = err_set(ERR_INTEGRITY, "a tree has an entry '%s%s', which no git makes", root,
                        git_tree_entry_name(e));
        return -1;
    }
    if (mode != GIT_FILEMODE_BLOB && mode != GIT_FILEMODE_BLOB_EXECUTABLE)
        return 0;
    strbuf_addf(&path, "%s%s", root, git_tree_entry_name(e));
    if (f->n == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 64;
        f->item = realloc(f->item, f->cap * sizeof *f->item);
        if (!f->item)
            abort();
    }
    f->item[f->n].path = path.data;
    git_oid_cpy(&f->item[f->n].id, git_tree_entry_id(e));
    f->n++;
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

/* All regular files of the tree, sorted by path in byte order. Error: ERR_INTEGRITY for a name that
 * is no file's or folder's. */
static int files_list(const git_tree *tree, struct files *out)
{
    memset(out, 0, sizeof *out);
    if (git_tree_walk(tree, GIT_TREEWALK_PRE, collect, out))
        return out->rc < 0 ? out->rc : repo_fail("walking a tree");
    if (out->n)
        qsort(out->item, out->n, sizeof *out->item, by_path);
    return 0;
}

static int digest(git_repository *repo, const git_tree *tree, bool (*wanted)(const char *),
                  char hex[SHA256_HEX])
{
    struct strbuf lines = {0}, content = {0};
    struct files f;
    int rc = files_list(tree, &f);

    for (size_t i = 0; rc == 0 && i < f.n; i++) {
        if (!wanted(f.item[i].path))
            continue;
        strbuf_clear(&content);
        rc = repo_blob_read(repo, &f.item[i].id, &content);
        sha256_hex(strbuf_str(&content), content.len, hex);
        strbuf_addf(&lines, "%s  %s\n", hex, f.item[i].path);
    }
    sha256_hex(strbuf_str(&lines), lines.len, hex);
    files_deinit(&f);
    strbuf_deinit(&lines);
    strbuf_deinit(&content);
    return rc;
}

int repo_judge_hash(git_repository *repo, const git_tree *tree, char hex[SHA256_HEX])
{
    return digest(repo, tree, enters_judge_hash, hex);
}

int repo_kernel_digest(git_repository *repo, const git_tree *tree, char hex[SHA256_HEX])
{
    return digest(repo, tree, repo_path_mutable, hex);
}

static int export_file(git_repository *repo, const struct file *f, const char *dir)
{
    struct strbuf content = {0};
    char path[PATH_MAX];
    int rc;

    if (snprintf(path, sizeof path, "%s/%s", dir, f->path) >= (int)sizeof path)
        return err_set(ERR_RANGE, "%s/%s: path too long", dir, f->path);
    *strrchr(path, '/') = '\0';
    TRY(file_make_dirs(path));
    path[strlen(path)] = '/';
    rc = repo_blob_read(repo, &f->id, &content);
    if (rc == 0)
        rc = file_write_atomic(path, strbuf_str(&content), content.len);
    strbuf_deinit(&content);
    return rc;
}

int repo_export(git_repository *repo, const git_tree *tree, const char *prefix, const char *dir)
{
    struct files f;
    int rc = files_list(tree, &f);

    for (size_t i = 0; rc == 0 && i < f.n; i++)
        if (starts(f.item[i].path, prefix))
            rc = export_file(repo, &f.item[i], dir);
    files_deinit(&f);
    return rc;
}

int repo_same_code(git_repository *repo, const git_oid *a, const git_oid *b)
{
    int (*const digests[])(git_repository *, const git_tree *,
                           char[SHA256_HEX]) = {repo_kernel_digest, repo_judge_hash};
    git_tree *trees[2] = {NULL, NULL};
    char hex[2][SHA256_HEX];
    bool same = true;
    int rc = repo_tree_of(repo, a, &trees[0]);

    if (rc == 0)
        rc = repo_tree_of(repo, b, &trees[1]);
    for (int i = 0; rc == 0 && i < 2; i++) {
        rc = digests[i](repo, trees[0], hex[0]);
        if (rc == 0)
            rc = digests[i](repo, trees[1], hex[1]);
        same = same && strcmp(hex[0], hex[1]) == 0;
    }
    git_tree_free(trees[0]);
    git_tree_free(trees[1]);
    return rc < 0 ? rc : same;
}

/* Files that are not the kernel's do not enter. */
static int only_mutable(const git_diff *diff, const git_diff_delta *delta, const char *pathspec,
                        void *ctx)
{
    (void)diff;
    (void)pathspec;
    (void)ctx;
    return repo_path_mutable(delta->new_file.path) ? 0 : 1;
}

int repo_kernel_diff(git_repository *repo, git_tree *before, git_tree *after,
                     uint32_t context_lines, uint32_t flags, git_diff **out)
{
    git_diff_find_options renames;
    git_diff_options o;

    git_diff_options_init(&o, GIT_DIFF_OPTIONS_VERSION);
    git_diff_find_options_init(&renames, GIT_DIFF_FIND_OPTIONS_VERSION);
    o.notify_cb = only_mutable;
    o.context_lines = context_lines;
    o.flags = flags;
    renames.flags = GIT_DIFF_FIND_RENAMES;
    *out = NULL;
    if (git_diff_tree_to_tree(out, repo, before, after, &o) ||
        git_diff_find_similar(*out, &renames))
        return repo_fail("comparing two kernels");
    return 0;
}
