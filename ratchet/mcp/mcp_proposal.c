/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_proposal.h"

#include "ratchet/mcp/mcp_store.h"
#include "ratchet/try/hypothesis.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { GIT_SECONDS = 60 };

void mcp_proposal_deinit(struct mcp_proposal *p)
{
    free(p->hypothesis);
    strbuf_deinit(&p->folder);
    memset(p, 0, sizeof *p);
}

/* --- a change becomes a tree --- */

static int check_path(const char *path)
{
    return repo_path_mutable(path)
               ? 0
               : err_set(ERR_USAGE,
                         "%.200s may not change: only kernel/NAME.c and kernel/NAME.inc may (in a "
                         "patch: a/kernel/NAME.inc and b/kernel/NAME.inc)",
                         path);
}

/* Nothing but ordinary mutable files may differ from the base. */
static int check_tree(struct ratchet *r, git_tree *base, const git_oid *id)
{
    git_tree *tree = NULL;
    git_diff *diff = NULL;
    int rc = 0;

    if (git_tree_lookup(&tree, r->repo, id) ||
        git_diff_tree_to_tree(&diff, r->repo, base, tree, NULL))
        rc = repo_fail("the proposal's tree");
    for (size_t i = 0; rc == 0 && i < git_diff_num_deltas(diff); i++) {
        const git_diff_delta *d = git_diff_get_delta(diff, i);

        rc = check_path(d->new_file.path);
        if (rc == 0 && d->status != GIT_DELTA_DELETED && d->new_file.mode != GIT_FILEMODE_BLOB)
            rc = err_set(ERR_USAGE, "%s must be an ordinary file, mode 100644", d->new_file.path);
    }
    git_diff_free(diff);
    git_tree_free(tree);
    return rc;
}

/* Run git on an index of its own. */
static int git_run(struct ratchet *r, const char *index, char *const arguments[],
                   struct strbuf *output)
{
    char setting[PATH_MAX + 32], *argv[16] = {"env", "LC_ALL=C", setting, "git"};
    size_t n = 4;

    snprintf(setting, sizeof setting, "GIT_INDEX_FILE=%s", index);
    while ((argv[n] = *arguments++))
        n++;
    strbuf_clear(output);
    return process_run(argv, r->root, GIT_SECONDS, output);
}

/* The tree of `base` with the patch in file `patch` applied. Git's own program reads what models
 * write: plain diffs, with line counts that are wrong; libgit2 does neither. */
static int patch_tree(struct ratchet *r, const git_oid *base, char *patch, const char *index,
                      git_oid *tree)
{
    char hex[REPO_HEX];
    char *read[] = {"read-tree", git_oid_tostr(hex, sizeof hex, base), NULL},
         *apply[] = {"apply", "--cached", "--recount", "--whitespace=nowarn", patch, NULL},
         *write[] = {"write-tree", NULL};
    struct strbuf said = {0};
    int rc = git_run(r, index, read, &said);

    if (rc == 0)
        rc = git_run(r, index, apply, &said);
    if (rc > 0)
        rc = err_set(ERR_CONFLICT,
                     "the patch does not apply to commit %.12s: %.400s(paths must read "
                     "a/kernel/NAME; read_kernel has HEAD's lines; or give whole files)",
                     hex, strbuf_str(&said));
    if (rc == 0)
        rc = git_run(r, index, write, &said);
    if (rc > 0 || (rc == 0 && git_oid_fromstrn(tree, said.data, GIT_OID_HEXSZ)))
        rc = err_set(ERR_IO, "git write-tree: %.400s", strbuf_str(&said));
    strbuf_deinit(&said);
    return rc;
}

int mcp_proposal_patch(struct ratchet *r, const git_oid *base, const char *patch, git_oid *tree)
{
    struct strbuf folder = {0}, file = {0}, index = {0}, text = {0};
    git_tree *was = NULL;
    size_t len = strlen(patch);
    int rc = mcp_store_scratch(r, &folder);

    if (rc == 0) {
        strbuf_addf(&file, "%s/patch", folder.data);
        strbuf_addf(&index, "%s/index", folder.data);
        strbuf_addf(&text, "%s%s", patch, len && patch[len - 1] == '\n' ? "" : "\n");
        rc = file_write_atomic(file.data, text.data, text.len);
    }
    if (rc == 0)
        rc = repo_tree_of(r->repo, base, &was);
    if (rc == 0)
        rc = patch_tree(r, base, file.data, index.data, tree);
    if (rc == 0)
        rc = check_tree(r, was, tree);
    if (folder.len)
        file_remove_tree(folder.data);
    git_tree_free(was);
    strbuf_deinit(&folder);
    strbuf_deinit(&file);
    strbuf_deinit(&index);
    strbuf_deinit(&text);
    return rc;
}

static int file_update(struct ratchet *r, const git_oid *base, const git_tree *tree,
                       const json_t *file, git_tree_update *u)
{
    const char *path = json_string_value(json_object_get(file, "file"));
    const json_t *text = json_object_get(file, "text");
    git_oid was;

    TRY(check_path(path));
    u->path = path;
    u->filemode = GIT_FILEMODE_BLOB;
    u->action = json_is_null(text) ? GIT_TREE_UPDATE_REMOVE : GIT_TREE_UPDATE_UPSERT;
    if (json_is_null(text))
        return repo_entry(tree, path, &was) == 1
                   ? 0
                   : err_set(ERR_USAGE, "commit %.12s has no %s", git_oid_tostr_s(base), path);
    if (git_blob_create_from_buffer(&u->id, r->repo, json_string_value(text),
                                    json_string_length(text)))
        return repo_fail("%s", path);
    return 0;
}

int mcp_proposal_files(struct ratchet *r, const git_oid *base, json_t *files, git_oid *tree)
{
    git_tree_update updates[REPO_MAX_CHANGES];
    size_t n = json_array_size(files);
    git_tree *was = NULL;
    int rc;

    if (n > REPO_MAX_CHANGES)
        return err_set(ERR_USAGE, "files: %zu of them; at most %d fit into a proposal", n,
                       REPO_MAX_CHANGES);
    memset(updates, 0, sizeof updates);
    rc = repo_tree_of(r->repo, base, &was);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = file_update(r, base, was, json_array_get(files, i), &updates[i]);
    if (rc == 0 && git_tree_create_updated(tree, r->repo, was, n, updates))
        rc = repo_fail("the proposal's tree");
    git_tree_free(was);
    return rc;
}

/* --- keeping --- */

static int list_changes(struct ratchet *r, git_tree *base, git_tree *tree, json_t *out)
{
    git_diff *diff = NULL;
    int rc = git_diff_tree_to_tree(&diff, r->repo, base, tree, NULL) ? repo_fail("the change") : 0;

    for (size_t i = 0; rc == 0 && i < git_diff_num_deltas(diff); i++) {
        size_t added = 0, removed = 0;
        git_patch *patch = NULL;

        if (git_patch_from_diff(&patch, diff, i) ||
            git_patch_line_stats(NULL, &added, &removed, patch))
            rc = repo_fail("the change");
        else
            json_array_append_new(out,
                                  json_pack("{s:s, s:I, s:I}", "file",
                                            git_diff_get_delta(diff, i)->new_file.path, "added",
                                            (json_int_t)added, "removed", (json_int_t)removed));
        git_patch_free(patch);
    }
    git_diff_free(diff);
    if (rc == 0 && json_array_size(out) == 0)
        rc =
            err_set(ERR_CONFLICT, "the proposal changes nothing: its base has these files already");
    return rc;
}

static int write_proposal(struct ratchet *r, const struct mcp_proposal *p, git_tree *tree)
{
    json_t *o = json_pack("{s:s, s:s}", "hypothesis", p->hypothesis, "base", p->base);
    char *text = json_dumps(o, JSON_INDENT(1));
    struct strbuf path = {0};
    int rc = repo_export(r->repo, tree, "kernel/", p->folder.data);

    strbuf_addf(&path, "%s/proposal.json", p->folder.data);
    if (rc == 0)
        rc = file_write_atomic(path.data, text, strlen(text));
    free(text);
    json_decref(o);
    strbuf_deinit(&path);
    return rc;
}

int mcp_proposal_keep(struct ratchet *r, const git_oid *base, const git_oid *tree_id,
                      const char *hypothesis, struct mcp_proposal *out, json_t **files)
{
    git_tree *was = NULL, *tree = NULL;
    int rc = hypothesis_check(hypothesis);

    memset(out, 0, sizeof *out);
    *files = json_array();
    if (rc == 0)
        rc = repo_tree_of(r->repo, base, &was);
    if (rc == 0 && git_tree_lookup(&tree, r->repo, tree_id))
        rc = repo_fail("the proposal's tree");
    if (rc == 0)
        rc = list_changes(r, was, tree, *files);
    if (rc == 0)
        rc = mcp_store_number(r, out->name, &out->folder);
    if (rc == 0) {
        git_oid_tostr(out->base, sizeof out->base, base);
        ledger_text_set(&out->hypothesis, hypothesis);
        rc = write_proposal(r, out, tree);
        if (rc < 0)
            file_remove_tree(out->folder.data);
        else
            mcp_store_sweep(r);
    }
    git_tree_free(was);
    git_tree_free(tree);
    if (rc < 0)
        mcp_proposal_deinit(out);
    return rc;
}

/* --- finding --- */

/* p and a number: nothing that could leave the folder. */
static bool name_valid(const char *name)
{
    size_t digits = name[0] == 'p' ? strspn(name + 1, "0123456789") : 0;

    return digits > 0 && digits < 10 && name[1 + digits] == '\0';
}

int mcp_proposal_find(struct ratchet *r, const char *name, struct mcp_proposal *out)
{
    struct strbuf path = {0}, text = {0};
    json_t *o = NULL;
    const char *base;

    memset(out, 0, sizeof *out);
    if (name_valid(name)) {
        mcp_store_path(r, name, &out->folder);
        strbuf_addf(&path, "%s/proposal.json", out->folder.data);
        if (file_read(path.data, &text) == 0)
            o = json_loads(text.data, 0, NULL);
    }
    base = json_string_value(json_object_get(o, "base"));
    if (base) {
        snprintf(out->name, sizeof out->name, "%s", name);
        snprintf(out->base, sizeof out->base, "%s", base);
        ledger_text_set(&out->hypothesis, json_string_value(json_object_get(o, "hypothesis")));
    }
    strbuf_deinit(&path);
    strbuf_deinit(&text);
    json_decref(o);
    if (out->base[0]) {
        mcp_store_use(out->folder.data);
        return 0;
    }
    mcp_proposal_deinit(out);
    return err_set(ERR_USAGE,
                   "there is no proposal %.32s (the last %d are kept); propose makes one and "
                   "names it",
                   name, MCP_STORE_MOST);
}
