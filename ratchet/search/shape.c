/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/shape.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <stdlib.h>
#include <string.h>

/* --- files --- */

static int read_file(struct ratchet *r, const git_tree *kernel, size_t at, struct kernel_files *out)
{
    const git_tree_entry *e = git_tree_entry_byindex(kernel, at);
    char *path = out->path[out->n];

    snprintf(path, REPO_REF, "kernel/%s", git_tree_entry_name(e));
    if (!repo_path_mutable(path) || git_tree_entry_type(e) != GIT_OBJECT_BLOB)
        return 0;
    TRY(repo_blob_read(r->repo, git_tree_entry_id(e), &out->text[out->n]));
    out->n++;
    return tunables_parse(path, strbuf_str(&out->text[out->n - 1]), out->n - 1, &out->tunables);
}

/* The tree kernel/ of a commit; the caller frees. */
static int kernel_tree(struct ratchet *r, const git_oid *commit, git_tree **out)
{
    git_tree_entry *e = NULL;
    git_tree *tree = NULL;
    int rc = repo_tree_of(r->repo, commit, &tree);

    if (rc == 0 && (git_tree_entry_bypath(&e, tree, "kernel") ||
                    git_tree_lookup(out, r->repo, git_tree_entry_id(e))))
        rc = repo_fail("kernel/ of %.12s", git_oid_tostr_s(commit));
    git_tree_entry_free(e);
    git_tree_free(tree);
    return rc;
}

static int read_tree(struct ratchet *r, const git_tree *kernel, struct kernel_files *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < git_tree_entrycount(kernel); i++) {
        if (out->n == REPO_MAX_CHANGES)
            return err_set(ERR_RANGE, "more than %d kernel files; join some", REPO_MAX_CHANGES);
        TRY(read_file(r, kernel, i, out));
    }
    return 0;
}

int kernel_files_read(struct ratchet *r, const git_oid *commit, struct kernel_files *out)
{
    git_tree *kernel = NULL;
    int rc;

    memset(out, 0, sizeof *out);
    rc = kernel_tree(r, commit, &kernel);
    if (rc == 0)
        rc = read_tree(r, kernel, out);
    git_tree_free(kernel);
    return rc;
}

void kernel_files_deinit(struct kernel_files *k)
{
    for (size_t i = 0; i < k->n; i++)
        strbuf_deinit(&k->text[i]);
    tunables_deinit(&k->tunables);
    k->n = 0;
}

int kernel_files_point(const struct kernel_files *k, const struct space *s, struct point *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < s->n; i++) {
        const struct tunable *t = tunables_find(&k->tunables, s->axis[i].name);

        if (!t)
            return err_set(ERR_CONFLICT,
                           "HEAD's kernel has no TUNABLE %s any more; bring it back or begin "
                           "another search",
                           s->axis[i].name);
        out->v[i] = t->value;
    }
    return 0;
}

/* Values of all TUNABLEs, with p's where it says any; the caller frees. */
static int64_t *all_values(const struct kernel_files *k, const struct space *s,
                           const struct point *p)
{
    int64_t *value = calloc(k->tunables.n + 1, sizeof *value);

    if (!value)
        abort();
    for (size_t i = 0; i < k->tunables.n; i++)
        value[i] = k->tunables.item[i].value;
    for (size_t i = 0; i < s->n; i++) {
        const struct tunable *t = tunables_find(&k->tunables, s->axis[i].name);

        if (t)
            value[t - k->tunables.item] = p->v[i];
    }
    return value;
}

int kernel_files_write(const struct kernel_files *k, const struct space *s, const struct point *p,
                       const char *folder)
{
    int64_t *value = all_values(k, s, p);
    struct strbuf path = {0}, text = {0};
    int rc = file_remove_tree(folder);

    strbuf_addf(&path, "%s/kernel", folder);
    if (rc == 0)
        rc = file_make_dirs(path.data);
    for (size_t i = 0; rc == 0 && i < k->n; i++) {
        strbuf_clear(&path);
        strbuf_clear(&text);
        strbuf_addf(&path, "%s/%s", folder, k->path[i]);
        tunables_write(&k->tunables, i, strbuf_str(&k->text[i]), value, &text);
        rc = file_write_atomic(path.data, strbuf_str(&text), text.len);
    }
    strbuf_deinit(&path);
    strbuf_deinit(&text);
    free(value);
    return rc;
}

/* --- shapes --- */

static void digest_files(const struct kernel_files *k, const struct space *s, char hex[SHA256_HEX])
{
    struct point nothing = {0};
    int64_t *value = all_values(k, s, &nothing);
    struct strbuf text = {0};

    for (size_t i = 0; i < k->n; i++) {
        strbuf_add(&text, k->path[i], strlen(k->path[i]) + 1);
        tunables_write(&k->tunables, i, strbuf_str(&k->text[i]), value, &text);
        strbuf_add(&text, "", 1);
    }
    sha256_hex(strbuf_str(&text), text.len, hex);
    strbuf_deinit(&text);
    free(value);
}

static const struct shape *shape_add(struct shapes *known, const struct shape *one)
{
    struct shape *grown = realloc(known->item, (known->n + 1) * sizeof *grown);

    if (!grown)
        abort();
    known->item = grown;
    known->item[known->n] = *one;
    return &known->item[known->n++];
}

static const struct shape *shape_make(struct shapes *known, struct ratchet *r,
                                      const struct space *s, const git_tree *kernel)
{
    struct shape one = {.readable = false};
    struct kernel_files files;

    git_oid_cpy(&one.kernel, git_tree_id(kernel));
    one.readable = read_tree(r, kernel, &files) == 0 && kernel_files_point(&files, s, &one.at) == 0;
    if (one.readable)
        digest_files(&files, s, one.digest);
    kernel_files_deinit(&files);
    return shape_add(known, &one);
}

int shapes_find(struct shapes *known, struct ratchet *r, const struct space *s, const char *commit,
                struct shape *out)
{
    const struct shape *found = NULL;
    git_tree *kernel = NULL;
    git_oid id;

    if (git_oid_fromstr(&id, commit) || kernel_tree(r, &id, &kernel) < 0)
        return 0;
    for (size_t i = 0; i < known->n && !found; i++)
        if (git_oid_equal(&known->item[i].kernel, git_tree_id(kernel)))
            found = &known->item[i];
    if (!found)
        found = shape_make(known, r, s, kernel);
    git_tree_free(kernel);
    *out = *found;
    return found->readable;
}

void shapes_deinit(struct shapes *s)
{
    free(s->item);
    *s = (struct shapes){0};
}
