/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/blame.h"
#include "ratchet/git/lineage.h"
#include "ratchet/history/blame_moves.h"

#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *grown(void *list, size_t n, size_t bytes)
{
    list = realloc(list, n * bytes);
    if (!list)
        abort();
    return list;
}

/* --- files --- */

static void file_deinit(struct blame_file *f)
{
    strbuf_deinit(&f->text);
    free(f->lines);
}

static size_t lines_split(struct blame_file *f)
{
    const char *p = strbuf_str(&f->text), *end = p + f->text.len;

    f->n_lines = 0;
    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t len = stop ? (size_t)(stop - p) : (size_t)(end - p);

        if ((f->n_lines & (f->n_lines + 1)) == 0) /* room for the next power of two */
            f->lines = grown(f->lines, 2 * f->n_lines + 2, sizeof *f->lines);
        f->lines[f->n_lines++] = (struct blame_line){p, len, 0};
        p += len + (stop != NULL);
    }
    return f->n_lines;
}

static int file_read_blob(git_repository *repo, const git_diff_file *from, size_t origin,
                          struct blame_file *out)
{
    memset(out, 0, sizeof *out);
    snprintf(out->path, sizeof out->path, "%s", from->path);
    TRY(repo_blob_read(repo, &from->id, &out->text));
    lines_split(out);
    for (size_t i = 0; i < out->n_lines; i++)
        out->lines[i].origin = origin;
    return 0;
}

/* Take the file out of the list; an empty one when it is not there. */
static struct blame_file file_take(struct blame *b, const char *path)
{
    struct blame_file taken = {0};

    for (size_t i = 0; i < b->n_files; i++)
        if (strcmp(b->files[i].path, path) == 0) {
            taken = b->files[i];
            b->files[i] = b->files[--b->n_files];
            break;
        }
    return taken;
}

/* --- one commit --- */

/* What a commit does to the files: the ones that it changes before and after, and what moved. */
struct step {
    size_t origin;
    struct blame_file *before, *after; /* one of each for every delta */
    size_t n;
    struct moves moves;
};

/* Lines outside the hunks keep their origins; the others have gone or come. */
static int hunks_follow(git_patch *patch, struct blame_file *before, struct blame_file *after,
                        struct moves *moves)
{
    size_t n_hunks = patch ? git_patch_num_hunks(patch) : 0, old = 0, now = 0;

    for (size_t h = 0; h <= n_hunks; h++) {
        const git_diff_hunk *hunk = NULL;
        size_t same = after->n_lines - now, n_old = 0, n_new = 0;

        if (h < n_hunks) {
            if (git_patch_get_hunk(&hunk, NULL, patch, h))
                return repo_fail("reading a hunk");
            n_old = (size_t)hunk->old_lines;
            n_new = (size_t)hunk->new_lines;
            same = (size_t)hunk->new_start - (n_new ? 1 : 0) - now;
        }
        if (old + same + n_old > before->n_lines || now + same + n_new > after->n_lines)
            return err_set(ERR_INTEGRITY, "blame: %s: hunks past its end", after->path);
        for (size_t i = 0; i < same; i++)
            after->lines[now + i].origin = before->lines[old + i].origin;
        moves_gone(moves, before->lines + old + same, n_old);
        moves_come(moves, after->lines + now + same, n_new);
        old += same + n_old;
        now += same + n_new;
    }
    return 0;
}

static int delta_follow(git_repository *repo, git_diff *diff, size_t i, struct blame *b,
                        struct step *s)
{
    const git_diff_delta *delta = git_diff_get_delta(diff, i);
    struct blame_file *before = &s->before[s->n], *after = &s->after[s->n];
    git_patch *patch = NULL;
    int rc = 0;

    s->n++;
    *before = file_take(b, delta->old_file.path);
    if (delta->status == GIT_DELTA_DELETED) {
        moves_gone(&s->moves, before->lines, before->n_lines);
        return 0;
    }
    TRY(file_read_blob(repo, &delta->new_file, s->origin, after));
    if (delta->status == GIT_DELTA_ADDED) {
        moves_come(&s->moves, after->lines, after->n_lines);
        return 0;
    }
    if (git_patch_from_diff(&patch, diff, i))
        return repo_fail("comparing %s", after->path);
    rc = hunks_follow(patch, before, after, &s->moves);
    git_patch_free(patch);
    return rc;
}

/* Bring the files from one commit's to the next one's; `before` NULL: there was nothing. */
static int commit_follow(git_repository *repo, git_tree *before, git_tree *after, size_t origin,
                         struct blame *b)
{
    struct step s = {.origin = origin};
    git_diff *diff = NULL;
    size_t n = 0;
    int rc = repo_kernel_diff(repo, before, after, 0, GIT_DIFF_FORCE_TEXT, &diff);

    if (rc == 0) {
        n = git_diff_num_deltas(diff);
        s.before = grown(NULL, n + 1, sizeof *s.before);
        s.after = grown(NULL, n + 1, sizeof *s.after);
        memset(s.before, 0, (n + 1) * sizeof *s.before);
        memset(s.after, 0, (n + 1) * sizeof *s.after);
    }
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = delta_follow(repo, diff, i, b, &s);
    if (rc == 0)
        moves_match(&s.moves);
    for (size_t i = 0; i < s.n; i++) {
        file_deinit(&s.before[i]);
        if (!s.after[i].path[0])
            continue;
        b->files = grown(b->files, b->n_files + 1, sizeof *b->files);
        b->files[b->n_files++] = s.after[i];
    }
    moves_deinit(&s.moves);
    free(s.before);
    free(s.after);
    git_diff_free(diff);
    return rc;
}

/* --- all commits --- */

static int origin_describe(struct ratchet *r, const git_commit *c, struct blame_origin *o)
{
    struct strbuf subject = {0};
    struct ledger_row row;
    int rc = o->experiment ? ledger_find(r->ledger, o->experiment, &row) : 0;

    o->estimate = o->low = o->high = NAN;
    if (rc == 1) {
        o->estimate = row.estimate;
        o->low = row.low;
        o->high = row.high;
        ledger_text_set(&o->focus, row.focus);
        ledger_text_set(&o->text, row.hypothesis);
        ledger_row_deinit(&row);
    } else {
        repo_subject(&subject, git_commit_message(c), 200);
        ledger_text_set(&o->focus, "");
        ledger_text_set(&o->text, strbuf_str(&subject));
    }
    strbuf_deinit(&subject);
    return rc < 0 ? rc : 0;
}

static int origin_add(struct ratchet *r, const struct joint *j, bool oldest, struct blame *b)
{
    struct blame_origin *o;
    git_commit *c = NULL;
    int rc;

    if (git_commit_lookup(&c, r->repo, &j->commit))
        return repo_fail("commit %.12s", git_oid_tostr_s(&j->commit));
    b->origins = grown(b->origins, b->n_origins + 1, sizeof *b->origins);
    o = &b->origins[b->n_origins++];
    memset(o, 0, sizeof *o);
    git_oid_cpy(&o->commit, &j->commit);
    o->experiment = j->win;
    o->oldest = oldest;
    rc = origin_describe(r, c, o);
    git_commit_free(c);
    return rc;
}

/* From the oldest commit on. One before which nothing of a kernel was there is the first origin. */
static int lineage_play(struct ratchet *r, const struct lineage *l, struct blame *b)
{
    git_tree *before = NULL, *after = NULL;
    int rc = 0;

    for (size_t i = l->n; rc == 0 && i-- > 0;) {
        rc = repo_tree_of(r->repo, &l->joints[i].commit, &after);
        if (rc == 0 && (i + 1 == l->n || l->joints[i].kernel)) {
            rc = origin_add(r, &l->joints[i], !b->n_files, b);
            if (rc == 0)
                rc = commit_follow(r->repo, before, after, b->n_origins - 1, b);
        }
        git_tree_free(before);
        before = after;
        after = NULL;
    }
    git_tree_free(before);
    return rc;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct blame_file *)a)->path, ((const struct blame_file *)b)->path);
}

int blame_kernel(struct ratchet *r, struct blame *out)
{
    struct lineage l = {0};
    int rc = lineage_walk(r->repo, &l);

    memset(out, 0, sizeof *out);
    if (rc == 0 && !l.n)
        rc = err_set(ERR_CONFLICT, "this branch has no commit yet");
    if (rc == 0)
        rc = lineage_play(r, &l, out);
    out->cut = l.cut;
    lineage_deinit(&l);
    if (out->n_files)
        qsort(out->files, out->n_files, sizeof *out->files, by_path);
    for (size_t i = 0; i < out->n_files; i++) {
        out->n_lines += out->files[i].n_lines;
        for (size_t k = 0; k < out->files[i].n_lines; k++)
            out->origins[out->files[i].lines[k].origin].n_lines++;
    }
    return rc;
}

void blame_deinit(struct blame *b)
{
    for (size_t i = 0; i < b->n_files; i++)
        file_deinit(&b->files[i]);
    for (size_t i = 0; i < b->n_origins; i++) {
        free(b->origins[i].focus);
        free(b->origins[i].text);
    }
    free(b->files);
    free(b->origins);
    memset(b, 0, sizeof *b);
}

const struct blame_file *blame_find(const struct blame *b, const char *path)
{
    for (size_t i = 0; i < b->n_files; i++) {
        const char *have = b->files[i].path;

        if (strcmp(have, path) == 0 || strcmp(strrchr(have, '/') + 1, path) == 0)
            return &b->files[i];
    }
    return NULL;
}

size_t blame_run(const struct blame_file *f, size_t first)
{
    size_t n = 1;

    while (first + n < f->n_lines && f->lines[first + n].origin == f->lines[first].origin)
        n++;
    return n;
}
