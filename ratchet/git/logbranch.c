/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/git/logbranch.h"

#include "ratchet/git/lineage.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <string.h>

int logbranch_tip(git_repository *repo, git_oid *tip)
{
    return repo_ref_target(repo, LOGBRANCH_REF, tip);
}

int64_t logbranch_row_of(git_repository *repo, const git_oid *commit)
{
    git_commit *c = NULL;
    char text[32];
    int64_t n = 0;

    if (git_commit_lookup(&c, repo, commit) == 0 &&
        repo_trailer(git_commit_message(c), "Row", text, sizeof text))
        n = strtoll(text, NULL, 10);
    git_commit_free(c);
    return n;
}

/* --- writing --- */

/* Tree with one blob per (name, text); `sub` puts them into a folder first. */
static int tree_of_text(git_repository *repo, const char *name, const struct strbuf *text,
                        const char *sub, const git_oid *sub_id, git_oid *out)
{
    git_treebuilder *b = NULL;
    git_oid blob;
    int rc = 0;

    if (git_blob_create_from_buffer(&blob, repo, strbuf_str(text), text->len) ||
        git_treebuilder_new(&b, repo, NULL) ||
        git_treebuilder_insert(NULL, b, name, &blob, GIT_FILEMODE_BLOB) ||
        (sub && git_treebuilder_insert(NULL, b, sub, sub_id, GIT_FILEMODE_TREE)) ||
        git_treebuilder_write(out, b))
        rc = repo_fail("the tree of ratchet-log");
    git_treebuilder_free(b);
    return rc;
}

static int row_tree(struct ratchet *r, int64_t n, git_oid *out)
{
    struct strbuf tsv = {0}, details = {0};
    git_oid folder;
    char name[32];
    int rc = ledger_export(r->ledger, n, &tsv), has = 0;

    if (rc == 0)
        has = rc = ledger_details(r->ledger, n, &details);
    snprintf(name, sizeof name, "%lld.json", (long long)n);
    if (rc > 0)
        rc = tree_of_text(r->repo, name, &details, NULL, NULL, &folder);
    if (rc >= 0)
        rc = tree_of_text(r->repo, "results.tsv", &tsv, has ? "details" : NULL, &folder, out);
    strbuf_deinit(&tsv);
    strbuf_deinit(&details);
    return rc;
}

static void row_message(const struct ledger_row *row, struct strbuf *out)
{
    strbuf_addf(out, "experiment %lld: %s: ", (long long)row->experiment, row->verdict);
    repo_subject(out, row->hypothesis, 60);
    strbuf_addf(out, "\n\nRow: %lld\nRow-Hash: %s\n", (long long)row->experiment, row->hash);
}

struct writer {
    struct ratchet *r;
    git_oid tip;
    bool has_tip;
};

static int write_row(void *ctx, const struct ledger_row *row)
{
    struct writer *w = ctx;
    struct strbuf message = {0};
    git_oid tree, made;
    struct repo_commit c = {.tree = &tree, .time = ratchet__time_parse(row->time)};
    int rc;

    if (w->has_tip)
        git_oid_cpy(&c.parents[c.n_parents++], &w->tip);
    if (git_oid_fromstr(&c.parents[c.n_parents++], row->attempt))
        return repo_fail("row %lld: attempt commit", (long long)row->experiment);
    row_message(row, &message);
    c.message = message.data;
    rc = row_tree(w->r, row->experiment, &tree);
    if (rc == 0)
        rc = repo_commit_store(w->r->repo, &c, &made);
    if (rc == 0) {
        rc = repo_ref_swap(w->r->repo, LOGBRANCH_REF, w->has_tip ? &w->tip : NULL, &made,
                           "ratchet: experiment recorded");
        if (rc == 0)
            rc = err_set(ERR_CONFLICT, "somebody else moved ratchet-log; run the command again");
        else if (rc == 1)
            rc = 0;
    }
    git_oid_cpy(&w->tip, &made);
    w->has_tip = true;
    strbuf_deinit(&message);
    return rc;
}

int logbranch_sync(struct ratchet *r)
{
    struct writer w = {.r = r};
    int64_t have = 0, want = ledger_count(r->ledger);
    int rc = logbranch_tip(r->repo, &w.tip);

    if (rc < 0 || want < 0)
        return rc < 0 ? rc : (int)want;
    w.has_tip = rc == 1;
    if (w.has_tip) {
        have = logbranch_row_of(r->repo, &w.tip);
        if (have == 0)
            return err_set(ERR_CONFLICT,
                           "branch ratchet-log is not the ratchet's; rename it first");
    }
    return have < want ? ledger_each(r->ledger, have + 1, want, write_row, &w) : 0;
}

int logbranch_join_tree(struct ratchet *r, const git_oid *base, int64_t n, git_oid *out)
{
    git_tree_update u = {
        .action = GIT_TREE_UPDATE_UPSERT, .filemode = GIT_FILEMODE_BLOB, .path = REPO_RESULTS};
    struct strbuf tsv = {0};
    git_tree *tree = NULL;
    int rc = ledger_export(r->ledger, n, &tsv);

    if (rc == 0 && (git_tree_lookup(&tree, r->repo, base) ||
                    git_blob_create_from_buffer(&u.id, r->repo, tsv.data, tsv.len) ||
                    git_tree_create_updated(out, r->repo, tree, 1, &u)))
        rc = repo_fail("the tree of a join");
    git_tree_free(tree);
    strbuf_deinit(&tsv);
    return rc;
}

/* --- taking over --- */

int logbranch_commits(git_repository *repo, const git_oid *tip, git_oid **out, int64_t *n)
{
    int64_t count = logbranch_row_of(repo, tip);
    git_oid at = *tip;
    int rc = 0;

    *n = count;
    if (count <= 0 || count > 10000000)
        return err_set(ERR_INTEGRITY, "ratchet-log: %.12s is no commit of an experiment",
                       git_oid_tostr_s(tip));
    *out = calloc((size_t)count, sizeof **out);
    if (!*out)
        return err_set(ERR_NOMEM, "ratchet-log: out of memory");
    for (int64_t k = count; k >= 1 && rc == 0; k--) {
        git_commit *c = NULL;

        if (logbranch_row_of(repo, &at) != k || git_commit_lookup(&c, repo, &at))
            rc = err_set(ERR_INTEGRITY, "ratchet-log: no commit for row %lld", (long long)k);
        else
            git_oid_cpy(&(*out)[k - 1], &at);
        if (rc == 0 && k > 1 && git_commit_parentcount(c) == 2)
            git_oid_cpy(&at, git_commit_parent_id(c, 0));
        git_commit_free(c);
    }
    if (rc < 0) {
        free(*out);
        *out = NULL;
    }
    return rc;
}

struct reader {
    git_repository *repo;
    git_oid *commits;
    int64_t n;
};

static int read_details(void *ctx, int64_t n, struct strbuf *out)
{
    struct reader *rd = ctx;
    git_tree *tree = NULL;
    char path[48];
    int rc;

    if (n < 1 || n > rd->n)
        return 0;
    snprintf(path, sizeof path, "details/%lld.json", (long long)n);
    rc = repo_tree_of(rd->repo, &rd->commits[n - 1], &tree);
    if (rc == 0)
        rc = repo_file_read(rd->repo, tree, path, out);
    git_tree_free(tree);
    return rc;
}

static int import_from(struct ratchet *r, const git_oid *tip)
{
    struct reader rd = {.repo = r->repo};
    struct strbuf tsv = {0};
    git_tree *tree = NULL;
    int rc = logbranch_commits(r->repo, tip, &rd.commits, &rd.n);

    if (rc == 0)
        rc = repo_tree_of(r->repo, tip, &tree);
    if (rc == 0)
        rc = repo_file_read(r->repo, tree, "results.tsv", &tsv);
    if (rc == 0)
        rc = err_set(ERR_INTEGRITY, "ratchet-log: %.12s has no results.tsv", git_oid_tostr_s(tip));
    if (rc == 1)
        rc = ledger_import(r->ledger, tsv.data, tsv.len, read_details, &rd);
    git_tree_free(tree);
    strbuf_deinit(&tsv);
    free(rd.commits);
    return rc;
}

/* Where the rows have come to, here and in what git carries. */
struct outlook {
    git_repository *repo;
    int64_t ours;    /* rows of the ledger */
    bool has_branch; /* there is a ratchet-log */
    git_oid branch;  /* its tip */
    int64_t local;   /* rows of it */
    git_oid best;    /* of all that were looked at, the commit with the most rows */
    int64_t n;       /* how many */
    int64_t joined;  /* newest row that HEAD's history joined, 0 = none, and the hash it says */
    char hash[SHA256_HEX];
};

static void offer(struct outlook *o, const git_oid *tip)
{
    int64_t n = logbranch_row_of(o->repo, tip);

    if (n > o->n) {
        o->n = n;
        git_oid_cpy(&o->best, tip);
    }
}

static int offer_remote(void *ctx, const char *name, const git_oid *tip)
{
    (void)name;
    offer(ctx, tip);
    return 0;
}

/* The newest join of HEAD's first-parent history: its second parent is a ratchet-log commit. */
static int offer_join(void *ctx, const git_commit *c)
{
    struct outlook *o = ctx;

    if (git_commit_parentcount(c) != 2 ||
        !repo_trailer(git_commit_message(c), "Ledger-Head", o->hash, sizeof o->hash))
        return 0;
    o->joined = logbranch_row_of(o->repo, git_commit_parent_id(c, 1));
    offer(o, git_commit_parent_id(c, 1));
    return 1;
}

/* That row, where this ledger has one of its number, must be the same. */
static int check_joined(struct ratchet *r, const struct outlook *o)
{
    struct ledger_row row;
    int rc = ledger_find(r->ledger, o->joined, &row);
    bool same;

    if (rc <= 0)
        return rc;
    same = strcmp(row.hash, o->hash) == 0;
    ledger_row_deinit(&row);
    return same
               ? 0
               : err_set(ERR_CONFLICT,
                         "row %lld that HEAD's history joins is another one than the ledger's: two "
                         "histories of experiments cannot be joined",
                         (long long)o->joined);
}

/* A try writes the row, then ratchet-log, then the branch: read the other way round, what one of
 * them lacks was never written to it. */
static int look(struct ratchet *r, struct outlook *o)
{
    git_oid head;
    bool has_head = git_reference_name_to_id(&head, r->repo, "HEAD") == 0, cut;
    int rc = logbranch_tip(r->repo, &o->branch);

    o->repo = r->repo;
    o->ours = ledger_count(r->ledger);
    if (rc < 0 || o->ours < 0)
        return rc < 0 ? rc : (int)o->ours;
    o->has_branch = rc == 1;
    if (o->has_branch)
        offer(o, &o->branch);
    o->local = o->n;
    if (o->ours == 0 && !o->has_branch) /* a fresh clone; later only this branch concerns us */
        TRY(repo_refs_each(r->repo, LOGBRANCH_REMOTES, offer_remote, o));
    if (has_head)
        TRY(lineage_each(r->repo, &head, offer_join, o, &cut));
    return check_joined(r, o);
}

static bool branch_lags(const struct outlook *o)
{
    return o->n > o->local && o->n >= o->ours && (!o->has_branch || o->local > 0);
}

int logbranch_lags(struct ratchet *r)
{
    struct outlook o = {0};

    TRY(look(r, &o));
    return o.n > o.ours || branch_lags(&o);
}

int logbranch_covers_head(struct ratchet *r)
{
    int64_t ours, named = -1; /* the header is no row */
    struct strbuf text = {0};
    git_tree *tree = NULL;
    git_oid head;
    int rc;

    if (git_reference_name_to_id(&head, r->repo, "HEAD"))
        return 0;
    ours = ledger_count(r->ledger);
    if (ours < 0)
        return (int)ours;
    rc = repo_tree_of(r->repo, &head, &tree);
    if (rc == 0)
        rc = repo_file_read(r->repo, tree, REPO_RESULTS, &text);
    for (size_t i = 0; i < text.len; i++)
        named += text.data[i] == '\n';
    if (rc >= 0 && named > ours)
        rc = err_set(ERR_INTEGRITY,
                     "results.tsv at HEAD names %lld rows, but only %lld of them came with the "
                     "history; fetch the branch ratchet-log from where they were made",
                     (long long)named, (long long)ours);
    git_tree_free(tree);
    strbuf_deinit(&text);
    return rc < 0 ? rc : 0;
}

int logbranch_import(struct ratchet *r)
{
    struct outlook o = {0};
    int taken = 0;

    TRY(look(r, &o));
    if (o.n > o.ours) {
        taken = import_from(r, &o.best);
        TRY(taken);
    }
    if (branch_lags(&o))
        TRY(repo_ref_swap(r->repo, LOGBRANCH_REF, o.has_branch ? &o.branch : NULL, &o.best,
                          "ratchet: history taken over"));
    return taken;
}
