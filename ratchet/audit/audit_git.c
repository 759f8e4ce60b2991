/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/audit/audit.h"
#include "ratchet/git/lineage.h"
#include "ratchet/git/logbranch.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <string.h>

#define ATTEMPTS "refs/pawl/attempts/"

struct git_audit {
    struct auditor *a;
    git_oid *commits; /* of ratchet-log, row k at [k - 1] */
    int64_t n_commits;
    struct strbuf tsv; /* header and rows so far */
    char judge[SHA256_HEX];
    git_oid judge_ids[3]; /* judge/, reference/, kernel.h that judge[] was computed for */
    int64_t n_attempts, n_logged, n_records, n_wins, n_joins, n_seals;
    int64_t last_join; /* newest row that a commit of this branch joined */
    bool lost_rows;    /* said already that HEAD's results.tsv is shorter than a join's */
    bool *has_win;     /* row k has its win commit on this branch, at [k - 1] */
};

static void fail(struct git_audit *g, int64_t n, const char *what)
{
    audit_add(g->a->out->failed, "row %lld: %s", (long long)n, what);
}

/* What cannot be right disproves something; only what cannot be read at all ends the audit. */
static int disproved(struct git_audit *g, int rc)
{
    if (rc != ERR_INTEGRITY && rc != ERR_RANGE)
        return rc;
    audit_add(g->a->out->failed, "%s", err_message());
    return 0;
}

/* The judge hash of a tree; trees whose sealed parts are those of the last call cost nothing. */
static int judge_of(struct git_audit *g, const git_tree *tree, char hex[SHA256_HEX])
{
    static const char *const parts[] = {"judge", "reference", "kernel/kernel.h"};
    git_oid ids[3];
    bool same = g->judge[0] != '\0';

    for (int i = 0; i < 3; i++) {
        git_tree_entry *e = NULL;

        memset(&ids[i], 0, sizeof ids[i]);
        if (git_tree_entry_bypath(&e, tree, parts[i]) == 0)
            git_oid_cpy(&ids[i], git_tree_entry_id(e));
        git_tree_entry_free(e);
        same = same && git_oid_equal(&ids[i], &g->judge_ids[i]);
    }
    if (!same) {
        TRY(repo_judge_hash(g->a->r->repo, tree, hex));
        memcpy(g->judge, hex, SHA256_HEX);
        memcpy(g->judge_ids, ids, sizeof ids);
    }
    memcpy(hex, g->judge, SHA256_HEX);
    return 0;
}

/* --- attempts --- */

static int check_attempt_tree(struct git_audit *g, const struct ledger_row *row,
                              const git_oid *attempt, bool seal)
{
    char hex[SHA256_HEX];
    git_tree *tree = NULL;
    int rc = repo_tree_of(g->a->r->repo, attempt, &tree);

    if (rc == 0)
        rc = judge_of(g, tree, hex);
    if (rc == 0 && strcmp(hex, row->judge) != 0)
        fail(g, row->experiment, "the sealed sources of its commit are not the judge it names");
    if (rc == 0 && !seal) {
        rc = repo_kernel_digest(g->a->r->repo, tree, hex);
        if (rc == 0 && strcmp(hex, row->kernel) != 0)
            fail(g, row->experiment, "the kernel of its attempt commit has another digest");
    }
    git_tree_free(tree);
    return rc;
}

static int check_attempt(struct git_audit *g, const struct ledger_row *row)
{
    bool seal = strcmp(row->verdict, LEDGER_SEAL) == 0;
    struct repo_changes changes;
    git_commit *c = NULL;
    git_oid attempt, parent;
    size_t others;
    int rc = 0;

    if (git_oid_fromstr(&attempt, row->attempt) || git_commit_lookup(&c, g->a->r->repo, &attempt)) {
        if (g->a->shallow)
            audit_add(g->a->out->unproved, "row %lld: its commit is not in this shallow clone",
                      (long long)row->experiment);
        else
            fail(g, row->experiment, "its attempt commit does not exist");
        return 0;
    }
    if (!seal && (git_oid_fromstr(&parent, row->parent) || git_commit_parentcount(c) != 1 ||
                  !git_oid_equal(git_commit_parent_id(c, 0), &parent))) {
        fail(g, row->experiment, "its attempt commit has another parent");
    } else if (!seal) {
        rc = repo_changes_between(g->a->r->repo, &parent, &attempt, &changes, &others);
        if (rc == 0 && (others || !changes.n))
            fail(g, row->experiment, "its attempt changes something else than kernel files");
    }
    git_commit_free(c);
    if (rc == 0)
        rc = check_attempt_tree(g, row, &attempt, seal);
    g->n_attempts += !seal;
    g->n_seals += seal;
    return rc;
}

/* --- ratchet-log --- */

static int check_log_tree(struct git_audit *g, const struct ledger_row *row, const git_oid *commit)
{
    git_repository *repo = g->a->r->repo;
    struct strbuf text = {0};
    char path[48], hex[SHA256_HEX];
    git_tree *tree = NULL;
    int rc = repo_tree_of(repo, commit, &tree);

    if (rc == 0)
        rc = repo_file_read(repo, tree, "results.tsv", &text);
    if (rc >= 0 &&
        (text.len != g->tsv.len || memcmp(strbuf_str(&text), g->tsv.data, text.len) != 0))
        fail(g, row->experiment, "results.tsv of its ratchet-log commit differs from the ledger");
    strbuf_clear(&text);
    snprintf(path, sizeof path, "details/%lld.json", (long long)row->experiment);
    if (rc >= 0)
        rc = repo_file_read(repo, tree, path, &text);
    if (rc == 1) {
        sha256_hex(strbuf_str(&text), text.len, hex);
        if (strcmp(hex, row->details) != 0)
            fail(g, row->experiment, "its detail record in git does not match its digest");
        g->n_records++;
    } else if (rc == 0) {
        audit_add(g->a->out->unproved, "row %lld: git holds no detail record of it",
                  (long long)row->experiment);
    }
    git_tree_free(tree);
    strbuf_deinit(&text);
    return rc < 0 ? rc : 0;
}

static bool trailer_is(const git_commit *c, const char *key, const char *want)
{
    char have[128];

    return repo_trailer(git_commit_message(c), key, have, sizeof have) && strcmp(have, want) == 0;
}

static int check_log(struct git_audit *g, const struct ledger_row *row)
{
    int64_t k = row->experiment;
    git_commit *c = NULL;
    git_oid attempt;
    unsigned last;
    int rc = 0;

    ledger_tsv_line(row, true, &g->tsv);
    strbuf_add(&g->tsv, "\n", 1);
    if (k > g->n_commits) {
        if (g->a->at_work)
            audit_add(g->a->out->unproved,
                      "row %lld: the ratchet at work has not written it to ratchet-log yet",
                      (long long)k);
        else
            fail(g, k, "it is not on ratchet-log (ratchet recover)");
        return 0;
    }
    if (git_commit_lookup(&c, g->a->r->repo, &g->commits[k - 1]))
        return repo_fail("ratchet-log");
    last = git_commit_parentcount(c);
    if (last != (k > 1 ? 2u : 1u) || git_oid_fromstr(&attempt, row->attempt) ||
        !git_oid_equal(git_commit_parent_id(c, last - 1), &attempt))
        fail(g, k, "its ratchet-log commit does not have its attempt as parent");
    if (!trailer_is(c, "Row-Hash", row->hash))
        fail(g, k, "its ratchet-log commit names another hash");
    git_commit_free(c);
    rc = check_log_tree(g, row, &g->commits[k - 1]);
    g->n_logged++;
    return rc;
}

static int check_row(void *ctx, const struct ledger_row *row)
{
    struct git_audit *g = ctx;
    int rc = check_attempt(g, row);

    if (rc < 0)
        err_wrap("row %lld", (long long)row->experiment);
    TRY(disproved(g, rc));
    return check_log(g, row);
}

/* --- joins: wins and checkpoints on this branch --- */

/* The tree that a join on top of commit `base` has but for results.tsv. A win (`row`, else NULL) is on
 * what it was judged against, or on a later commit with the same kernel and judge. */
static int join_base(struct git_audit *g, const git_oid *base, const struct ledger_row *row,
                     git_oid *out)
{
    git_repository *repo = g->a->r->repo;
    git_oid parent, attempt;
    git_tree *tree = NULL;
    int rc = 0;

    if (!row) {
        TRY(repo_tree_of(repo, base, &tree));
        git_oid_cpy(out, git_tree_id(tree));
        git_tree_free(tree);
        return 0;
    }
    if (git_oid_fromstr(&parent, row->parent) || git_oid_fromstr(&attempt, row->attempt))
        return repo_fail("row %lld: its commits", (long long)row->experiment);
    if (!git_oid_equal(base, &parent))
        rc = repo_same_code(repo, base, &parent);
    if (rc == 0 && !git_oid_equal(base, &parent))
        fail(g, row->experiment,
             "its win commit has another parent than it was judged against, with another kernel or "
             "judge");
    return rc < 0 ? rc : repo_kernel_onto(repo, &attempt, base, out);
}

static int check_join_tree(struct git_audit *g, const git_commit *c, const struct ledger_row *row,
                           bool win)
{
    git_oid tree, want;
    int rc = join_base(g, git_commit_parent_id(c, 0), win ? row : NULL, &tree);

    if (rc == 0)
        rc = logbranch_join_tree(g->a->r, &tree, row->experiment, &want);
    if (rc == 0 && !git_oid_equal(&want, git_commit_tree_id(c)))
        fail(g, row->experiment,
             win ? "the tree of its win commit is not its parent's with its attempt's kernel and "
                   "results.tsv"
                 : "the tree of its checkpoint is not its parent's with results.tsv");
    return rc;
}

/* What the commit itself says of its row. */
static void check_join_commit(struct git_audit *g, const git_commit *c,
                              const struct ledger_row *row, bool win)
{
    int64_t n = row->experiment;

    if (n > g->n_commits || !git_oid_equal(git_commit_parent_id(c, 1), &g->commits[n - 1]))
        fail(g, n, "the commit that joins it has another second parent than ratchet-log's");
    if (!trailer_is(c, "Ledger-Head", row->hash) || !trailer_is(c, "Judge-Hash", row->judge) ||
        (win && !trailer_is(c, "Attempt", row->attempt)))
        fail(g, n, "the trailers of the commit that joins it differ from the row");
    if (win && strcmp(row->verdict, "WIN") != 0)
        fail(g, n, "a win commit names it, but its verdict is none");
    if (g->a->head_rows >= 0 && g->a->head_rows < n && !g->lost_rows) {
        fail(g, g->a->head_rows + 1, "results.tsv at HEAD lacks it, though this branch had it");
        g->lost_rows = true;
    }
}

static int check_joint(struct git_audit *g, const struct joint *j)
{
    int64_t n = j->win ? j->win : j->checkpoint;
    struct ledger_row row;
    git_commit *c = NULL;
    int rc = ledger_find(g->a->r->ledger, n, &row);

    if (rc == 0)
        fail(g, n, "a commit of this branch names it, but it does not exist");
    if (rc <= 0)
        return rc;
    if (n > g->a->out->n_rows) /* it came while this audit was at work */
        rc = 0;
    else if (git_commit_lookup(&c, g->a->r->repo, &j->commit))
        rc = repo_fail("commit %.12s", git_oid_tostr_s(&j->commit));
    if (c) {
        check_join_commit(g, c, &row, j->win != 0);
        rc = check_join_tree(g, c, &row, j->win != 0);
        if (j->win) {
            g->n_wins += !g->has_win[n - 1];
            g->has_win[n - 1] = true;
        }
        if (n > g->last_join)
            g->last_join = n;
        g->n_joins++;
    }
    git_commit_free(c);
    ledger_row_deinit(&row);
    return rc;
}

/* A commit without our trailers may change the kernel too, but no evidence stands behind it. */
static int walk_branch(struct git_audit *g)
{
    struct lineage l = {0};
    int64_t n_foreign = 0;
    int rc = g->a->has_head ? lineage_walk_from(g->a->r->repo, &g->a->head, &l) : 0;

    rc = disproved(g, rc);
    for (size_t i = 0; rc == 0 && i < l.n; i++) {
        if (l.joints[i].win || l.joints[i].checkpoint)
            rc = disproved(g, check_joint(g, &l.joints[i]));
        else
            n_foreign += l.joints[i].kernel;
    }
    lineage_deinit(&l);
    if (n_foreign)
        audit_add(g->a->out->unproved,
                  "ordinary commits of this branch that change the kernel: %lld; that is allowed "
                  "(the first kernel comes so), but no experiment stands behind them",
                  (long long)n_foreign);
    return rc;
}

static int note_win(void *ctx, const struct ledger_row *row)
{
    struct git_audit *g = ctx;

    if (strcmp(row->verdict, "WIN") == 0 && !g->has_win[row->experiment - 1])
        audit_add(
            g->a->out->unproved,
            "row %lld: a win without its commit on this branch (the branch had moved, or it is "
            "on another one)",
            (long long)row->experiment);
    return 0;
}

/* --- rows that were cut off --- */

static int names_attempt(void *ctx, const struct ledger_row *row)
{
    return strcmp(row->attempt, ctx) == 0;
}

/* Nothing in the chain says where it ends, but an attempt's ref outlives its row. */
static int check_attempt_ref(void *ctx, const char *name, const git_oid *target)
{
    struct git_audit *g = ctx;
    struct ledger *l = g->a->r->ledger;
    int64_t n = strtoll(name + strlen(ATTEMPTS), NULL, 10), pending = 0;
    char state[32], hex[REPO_HEX];
    int rc;

    git_oid_tostr(hex, sizeof hex, target);
    rc = n < 1 ? 1 : ledger_each(l, n, n, names_attempt, hex);
    if (rc == 0) {
        rc = ledger_state_pending(l, &pending, state);
        if (rc == 1 && n != pending)
            rc = 0;
    }
    if (rc == 0) /* done since, or killed and its number taken by rows that came with git */
        rc = ledger_each(l, 1, 0, names_attempt, hex);
    if (rc == 0)
        audit_add(
            g->a->out->failed,
            "row %lld: %s was tried here, but no row names it: rows were cut off or replaced, "
            "or an older ledger was put back; if on purpose: git update-ref -d %s",
            (long long)n, name, name);
    return rc < 0 ? rc : 0;
}

/* Nor does what was fetched from elsewhere forget. */
static int check_remote(void *ctx, const char *name, const git_oid *tip)
{
    struct git_audit *g = ctx;
    int64_t n = logbranch_row_of(g->a->r->repo, tip);
    git_commit *c = NULL;
    struct ledger_row row;
    int rc;

    if (n < 1) /* some other branch of this name */
        return 0;
    rc = ledger_find(g->a->r->ledger, n, &row);
    if (rc == 0)
        audit_add(
            g->a->out->failed,
            "row %lld: %s has it, this ledger does not: it was cut off here, or not taken over "
            "yet (git fetch . %s:ratchet-log)",
            (long long)n, name, name);
    if (rc <= 0)
        return rc;
    if (git_commit_lookup(&c, g->a->r->repo, tip))
        rc = repo_fail("%s", name);
    else if (!trailer_is(c, "Row-Hash", row.hash))
        audit_add(g->a->out->failed,
                  "row %lld: %s has another one: rows were replaced, or two histories part ways",
                  (long long)n, name);
    git_commit_free(c);
    ledger_row_deinit(&row);
    return rc < 0 ? rc : 0;
}

static int check_end(struct git_audit *g)
{
    TRY(repo_refs_each(g->a->r->repo, ATTEMPTS "*", check_attempt_ref, g));
    return repo_refs_each(g->a->r->repo, LOGBRANCH_REMOTES, check_remote, g);
}

/* --- all of it --- */

static void conclude(struct git_audit *g, size_t n_failed_before)
{
    if (json_array_size(g->a->out->failed) != n_failed_before)
        return;
    audit_add(
        g->a->out->proved,
        "commits: %lld attempts exist, change kernel files alone on the parent they name, and "
        "have the kernel digests and sealed sources of their rows",
        (long long)g->n_attempts);
    audit_add(
        g->a->out->proved,
        "ratchet-log: %lld commits, each with its row's attempt, hash and results.tsv, %lld of "
        "them with its detail record",
        (long long)g->n_logged, (long long)g->n_records);
    audit_add(g->a->out->proved,
              "branch: %lld joins, %lld of them wins, with the parents, trees and "
              "trailers of their rows",
              (long long)g->n_joins, (long long)g->n_wins);
    audit_add(g->a->out->proved, "seals: %lld changes of the judge, each at its row",
              (long long)g->n_seals);
    audit_add(g->a->out->unproved,
              "that nothing was cut off after row %lld, the last that this branch joins: only a "
              "ratchet-log elsewhere would show it",
              (long long)g->last_join);
    audit_add(g->a->out->unproved,
              "the measurements themselves: no audit of records can repeat them");
}

int audit_git(struct auditor *a)
{
    struct git_audit g = {.a = a};
    size_t n_failed = json_array_size(a->out->failed);
    git_oid tip;
    int rc = logbranch_tip(a->r->repo, &tip);

    if (rc == 1) {
        rc = disproved(&g, logbranch_commits(a->r->repo, &tip, &g.commits, &g.n_commits));
        if (!g.commits)
            g.n_commits = 0;
    }
    g.has_win = calloc((size_t)a->out->n_rows, sizeof *g.has_win);
    if (!g.has_win)
        rc = err_set(ERR_NOMEM, "audit: out of memory");
    ledger_tsv_header(&g.tsv);
    if (rc == 0)
        rc = ledger_each(a->r->ledger, 1, a->out->n_rows, check_row, &g);
    if (rc == 0)
        rc = walk_branch(&g);
    if (rc == 0)
        rc = ledger_each(a->r->ledger, 1, a->out->n_rows, note_win, &g);
    if (rc == 0)
        rc = check_end(&g);
    if (rc == 0)
        conclude(&g, n_failed);
    strbuf_deinit(&g.tsv);
    free(g.commits);
    free(g.has_win);
    return rc;
}
