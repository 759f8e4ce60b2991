/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/kernel_diff.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

static int add_line(const git_diff_delta *delta, const git_diff_hunk *hunk,
                    const git_diff_line *line, void *ctx)
{
    (void)delta;
    (void)hunk;
    if (line->origin == GIT_DIFF_LINE_CONTEXT || line->origin == GIT_DIFF_LINE_ADDITION ||
        line->origin == GIT_DIFF_LINE_DELETION)
        strbuf_add(ctx, &line->origin, 1);
    strbuf_add(ctx, line->content, line->content_len);
    return 0;
}

static int file_add(git_diff *diff, size_t i, struct history_diff *out)
{
    const git_diff_delta *delta = git_diff_get_delta(diff, i);
    struct diff_file *f = &out->files[out->n_files++];
    git_patch *patch = NULL;

    memset(f, 0, sizeof *f);
    snprintf(f->path, sizeof f->path, "%s", delta->new_file.path);
    snprintf(f->old_path, sizeof f->old_path, "%s", delta->old_file.path);
    f->status = git_diff_status_char(delta->status);
    if (git_patch_from_diff(&patch, diff, i))
        return repo_fail("comparing %s", f->path);
    if (patch)
        git_patch_line_stats(NULL, &f->n_added, &f->n_removed, patch);
    git_patch_free(patch);
    out->n_added += f->n_added;
    out->n_removed += f->n_removed;
    return 0;
}

static int trees_compare(struct ratchet *r, git_tree *a, git_tree *b, struct history_diff *out)
{
    git_diff *diff = NULL;
    int rc = repo_kernel_diff(r->repo, a, b, 3, 0, &diff);

    if (rc == 0) {
        size_t n = git_diff_num_deltas(diff);

        out->files = calloc(n + 1, sizeof *out->files);
        if (!out->files)
            rc = err_set(ERR_NOMEM, "diff: out of memory");
        for (size_t i = 0; rc == 0 && i < n; i++)
            rc = file_add(diff, i, out);
    }
    if (rc == 0 && git_diff_print(diff, GIT_DIFF_FORMAT_PATCH, add_line, &out->patch))
        rc = repo_fail("comparing two kernels");
    git_diff_free(diff);
    return rc;
}

int history_diff(struct ratchet *r, const char *a, const char *b, struct history_diff *out)
{
    git_tree *before = NULL, *after = NULL;
    int rc;

    memset(out, 0, sizeof *out);
    TRY(revision_find(r, a, &out->a));
    TRY(revision_find(r, b, &out->b));
    rc = repo_tree_of(r->repo, &out->a.commit, &before);
    if (rc == 0)
        rc = repo_tree_of(r->repo, &out->b.commit, &after);
    if (rc == 0)
        rc = trees_compare(r, before, after, out);
    git_tree_free(before);
    git_tree_free(after);
    return rc;
}

void history_diff_deinit(struct history_diff *d)
{
    free(d->files);
    strbuf_deinit(&d->patch);
    memset(d, 0, sizeof *d);
}

static json_t *revision_json(const struct revision *v)
{
    json_t *o = json_object();
    char hex[REPO_HEX];

    git_oid_tostr(hex, sizeof hex, &v->commit);
    record_set_text(o, "commit", hex);
    record_set_text(o, "label", v->label);
    json_object_set_new(o, "experiment", v->experiment ? json_integer(v->experiment) : json_null());
    return o;
}

static json_t *files_json(const struct history_diff *d)
{
    json_t *files = json_array();

    for (size_t i = 0; i < d->n_files; i++) {
        const struct diff_file *f = &d->files[i];
        json_t *o = json_pack("{s:s%, s:I, s:I}", "status", &f->status, (size_t)1, "added",
                              (json_int_t)f->n_added, "removed", (json_int_t)f->n_removed);

        record_set_text(o, "path", f->path);
        record_set_text(o, "old_path", f->old_path);
        json_array_append_new(files, o);
    }
    return files;
}

json_t *history_diff_json(const struct history_diff *d)
{
    json_t *o = json_pack("{s:o, s:o, s:o, s:I, s:I}", "a", revision_json(&d->a), "b",
                          revision_json(&d->b), "files", files_json(d), "added",
                          (json_int_t)d->n_added, "removed", (json_int_t)d->n_removed);

    record_set_text(o, "patch", strbuf_str(&d->patch));
    return o;
}
