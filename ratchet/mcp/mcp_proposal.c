/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_proposal.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { HYPOTHESIS_MOST = 4000, PROPOSALS_MOST = 1000000, GIT_SECONDS = 60 };

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

/* Nothing but ordinary mutable files may differ from HEAD. */
static int check_tree(struct ratchet *r, git_tree *head, const git_oid *id)
{
    git_tree *tree = NULL;
    git_diff *diff = NULL;
    int rc = 0;

    if (git_tree_lookup(&tree, r->repo, id) ||
        git_diff_tree_to_tree(&diff, r->repo, head, tree, NULL))
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
                     "the patch does not apply to HEAD: %.400s(paths must read a/kernel/NAME; "
                     "read_kernel has the lines as they are; or give whole files)",
                     strbuf_str(&said));
    if (rc == 0)
        rc = git_run(r, index, write, &said);
    if (rc > 0 || (rc == 0 && git_oid_fromstrn(tree, said.data, GIT_OID_HEXSZ)))
        rc = err_set(ERR_IO, "git write-tree: %.400s", strbuf_str(&said));
    strbuf_deinit(&said);
    return rc;
}

int mcp_proposal_patch(struct ratchet *r, const git_oid *base, const char *patch, git_oid *tree)
{
    char folder[PATH_MAX], file[PATH_MAX + 8], index[PATH_MAX + 8];
    struct strbuf text = {0};
    git_tree *head = NULL;
    size_t len = strlen(patch);
    int rc;

    snprintf(folder, sizeof folder, "%s/mcp", r->store);
    TRY(file_make_dirs(folder));
    snprintf(folder, sizeof folder, "%s/mcp/patch.XXXXXX", r->store);
    if (!mkdtemp(folder))
        return err_set(ERR_IO, "%s: %s", folder, strerror(errno));
    snprintf(file, sizeof file, "%s/patch", folder);
    snprintf(index, sizeof index, "%s/index", folder);
    strbuf_addf(&text, "%s%s", patch, len && patch[len - 1] == '\n' ? "" : "\n");
    rc = file_write_atomic(file, text.data, text.len);
    if (rc == 0)
        rc = repo_tree_of(r->repo, base, &head);
    if (rc == 0)
        rc = patch_tree(r, base, file, index, tree);
    if (rc == 0)
        rc = check_tree(r, head, tree);
    file_remove_tree(folder);
    git_tree_free(head);
    strbuf_deinit(&text);
    return rc;
}

static int file_update(struct ratchet *r, const git_tree *head, const json_t *file,
                       git_tree_update *u)
{
    const char *path = json_string_value(json_object_get(file, "file"));
    const json_t *text = json_object_get(file, "text");
    git_oid was;

    TRY(check_path(path));
    u->path = path;
    u->filemode = GIT_FILEMODE_BLOB;
    u->action = json_is_null(text) ? GIT_TREE_UPDATE_REMOVE : GIT_TREE_UPDATE_UPSERT;
    if (json_is_null(text))
        return repo_entry(head, path, &was) == 1 ? 0 : err_set(ERR_USAGE, "HEAD has no %s", path);
    if (git_blob_create_from_buffer(&u->id, r->repo, json_string_value(text),
                                    json_string_length(text)))
        return repo_fail("%s", path);
    return 0;
}

int mcp_proposal_files(struct ratchet *r, const git_oid *base, json_t *files, git_oid *tree)
{
    git_tree_update updates[REPO_MAX_CHANGES];
    size_t n = json_array_size(files);
    git_tree *head = NULL;
    int rc;

    if (n > REPO_MAX_CHANGES)
        return err_set(ERR_USAGE, "files: at most %d", REPO_MAX_CHANGES);
    memset(updates, 0, sizeof updates);
    rc = repo_tree_of(r->repo, base, &head);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = file_update(r, head, json_array_get(files, i), &updates[i]);
    if (rc == 0 && git_tree_create_updated(tree, r->repo, head, n, updates))
        rc = repo_fail("the proposal's tree");
    git_tree_free(head);
    return rc;
}

/* --- keeping --- */

static int list_changes(struct ratchet *r, git_tree *head, git_tree *tree, json_t *out)
{
    git_diff *diff = NULL;
    int rc = git_diff_tree_to_tree(&diff, r->repo, head, tree, NULL) ? repo_fail("the change") : 0;

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
        rc = err_set(ERR_CONFLICT, "the proposal changes nothing: HEAD's files are these already");
    return rc;
}

static int check_hypothesis(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    if (!*text)
        return err_set(ERR_USAGE, "the hypothesis is empty; say what should get faster, and why");
    if (strlen(text) > HYPOTHESIS_MOST)
        return err_set(ERR_USAGE, "a hypothesis has at most %d bytes", HYPOTHESIS_MOST);
    return 0;
}

static void folder_of(const struct ratchet *r, const char *name, struct strbuf *out)
{
    strbuf_addf(out, "%s/mcp/%s", r->store, name);
}

/* The next free number; another server of this repository may be looking for one as well. */
static int folder_make(const struct ratchet *r, struct mcp_proposal *p)
{
    struct strbuf parent = {0};
    int rc;

    folder_of(r, "", &parent);
    rc = file_make_dirs(parent.data);
    strbuf_deinit(&parent);
    for (int i = 1; rc == 0 && i <= PROPOSALS_MOST; i++) {
        snprintf(p->name, sizeof p->name, "p%d", i);
        strbuf_clear(&p->folder);
        folder_of(r, p->name, &p->folder);
        if (mkdir(p->folder.data, 0755) == 0)
            return 0;
        if (errno != EEXIST)
            rc = err_set(ERR_IO, "%s: %s", p->folder.data, strerror(errno));
    }
    return rc < 0 ? rc : err_set(ERR_RANGE, "too many proposals; empty %s/mcp", r->store);
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
    git_tree *head = NULL, *tree = NULL;
    int rc = check_hypothesis(hypothesis);

    memset(out, 0, sizeof *out);
    *files = json_array();
    if (rc == 0)
        rc = repo_tree_of(r->repo, base, &head);
    if (rc == 0 && git_tree_lookup(&tree, r->repo, tree_id))
        rc = repo_fail("the proposal's tree");
    if (rc == 0)
        rc = list_changes(r, head, tree, *files);
    if (rc == 0)
        rc = folder_make(r, out);
    if (rc == 0) {
        git_oid_tostr(out->base, sizeof out->base, base);
        ledger_text_set(&out->hypothesis, hypothesis);
        rc = write_proposal(r, out, tree);
    }
    git_tree_free(head);
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
        folder_of(r, name, &out->folder);
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
    if (out->base[0])
        return 0;
    mcp_proposal_deinit(out);
    return err_set(ERR_USAGE, "there is no proposal %.32s; propose makes one and names it", name);
}
