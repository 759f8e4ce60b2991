/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/apply.h"

#include "ratchet/git/logbranch.h"
#include "ratchet/git/worktree.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HAPPENED = 1024, SUBJECT = 72 };

static const char *short_branch(const char *ref)
{
    return strncmp(ref, "refs/heads/", 11) == 0 ? ref + 11 : ref;
}

/* --- the proposal --- */

json_t *proposal_json(const struct proposal *p)
{
    char attempt[REPO_HEX], parent[REPO_HEX];

    git_oid_tostr(attempt, sizeof attempt, &p->attempt);
    git_oid_tostr(parent, sizeof parent, &p->parent);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "attempt", attempt,
                     "parent", parent, "branch", p->branch, "worktree", p->worktree, "hypothesis",
                     p->hypothesis, "author", p->author, "focus", p->focus, "time", p->time,
                     "kernel", p->kernel, "judge", p->judge);
}

int proposal_load(struct ratchet *r, int64_t n, struct proposal *out)
{
    struct strbuf text = {0};
    const char *attempt, *parent, *branch, *t[7];
    json_t *json = NULL;
    int rc = ledger_state_find(r->ledger, n, "proposed", &text);

    memset(out, 0, sizeof *out);
    if (rc <= 0)
        goto out;
    json = json_loads(text.data, 0, NULL);
    if (json_unpack(json, "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "attempt", &attempt,
                    "parent", &parent, "branch", &branch, "worktree", &t[0], "hypothesis", &t[1],
                    "author", &t[2], "focus", &t[3], "time", &t[4], "kernel", &t[5], "judge",
                    &t[6]) ||
        git_oid_fromstr(&out->attempt, attempt) || git_oid_fromstr(&out->parent, parent)) {
        rc = err_set(ERR_FORMAT, "ledger: state proposed of attempt %lld is damaged", (long long)n);
        goto out;
    }
    out->n = n;
    snprintf(out->branch, sizeof out->branch, "%s", branch);
    ledger_text_set(&out->worktree, t[0]);
    ledger_text_set(&out->hypothesis, t[1]);
    ledger_text_set(&out->author, t[2]);
    ledger_text_set(&out->focus, t[3]);
    ledger_text_set(&out->time, t[4]);
    ledger_text_set(&out->kernel, t[5]);
    ledger_text_set(&out->judge, t[6]);
out:
    json_decref(json);
    strbuf_deinit(&text);
    return rc;
}

void proposal_deinit(struct proposal *p)
{
    free(p->worktree);
    free(p->hypothesis);
    free(p->author);
    free(p->focus);
    free(p->time);
    free(p->kernel);
    free(p->judge);
    memset(p, 0, sizeof *p);
}

/* --- the win --- */

static void percent(struct strbuf *out, double log_ratio)
{
    strbuf_addf(out, "%+.2f %%", 100 * expm1(log_ratio));
}

static void win_message(const struct ledger_row *row, struct strbuf *out)
{
    repo_subject(out, row->hypothesis, SUBJECT);
    if (strlen(row->hypothesis) > SUBJECT || strchr(row->hypothesis, '\n'))
        strbuf_addf(out, "\n\n%s", row->hypothesis);
    strbuf_addf(out, "\n\nMeasured: ");
    percent(out, row->estimate);
    strbuf_addf(out, " (95 %% interval ");
    percent(out, row->low);
    strbuf_addf(out, " to ");
    percent(out, row->high);
    strbuf_addf(out, "), %lld units, confirmed by %lld fresh ones.\n", (long long)row->units,
                (long long)row->confirm_units);
    if (row->focus[0])
        strbuf_addf(out, "All the weight was on %s.\n", row->focus);
    strbuf_addf(out, "\nExperiment: %lld\nLedger-Head: %s\nJudge-Hash: %s\nAttempt: %s\n",
                (long long)row->experiment, row->hash, row->judge, row->attempt);
}

/* Store W and return its id; nothing points at it yet. */
static int plan_win(struct ratchet *r, const struct proposal *p, git_oid *win)
{
    struct strbuf message = {0};
    struct ledger_row row;
    git_oid tree;
    struct repo_commit c = {.tree = &tree, .author = p->author, .n_parents = 2};
    int rc = ledger_find(r->ledger, p->n, &row);

    if (rc <= 0)
        return rc < 0 ? rc : err_set(ERR_INTEGRITY, "ledger: row %lld is missing", (long long)p->n);
    win_message(&row, &message);
    c.message = message.data;
    c.time = ratchet__time_parse(row.time);
    git_oid_cpy(&c.parents[0], &p->parent);
    rc = logbranch_tip(r->repo, &c.parents[1]);
    if (rc == 1)
        rc = logbranch_join_tree(r, &p->attempt, p->n, &tree);
    if (rc == 0)
        rc = repo_commit_store(r->repo, &c, win);
    ledger_row_deinit(&row);
    strbuf_deinit(&message);
    return rc;
}

/* What `applied` records: enough to finish without anything else. */
static json_t *applied_json(const git_oid *from, const git_oid *to, const char *branch,
                            const char *worktree)
{
    char a[REPO_HEX], b[REPO_HEX];

    git_oid_tostr(a, sizeof a, from);
    git_oid_tostr(b, sizeof b, to);
    return json_pack("{s:s, s:s, s:s, s:s}", "from", a, "to", b, "branch", branch, "worktree",
                     worktree);
}

/* State rolled_back of an attempt whose files stay: recovery must not restore them either. */
static int apply_state_rolled_back(struct ratchet *r, int64_t n)
{
    json_t *data = json_pack("{s:b}", "keep", 1);
    int rc = ratchet__state(r, n, "rolled_back", data);

    json_decref(data);
    return rc;
}

static int not_moved(struct ratchet *r, int64_t n, const char *branch, const git_oid *from,
                     const git_oid *to, char *happened)
{
    snprintf(
        happened, HAPPENED,
        "the branch %s is no longer at %.12s, against which this was judged; it was not moved and "
        "your files were left as they are (the commit is kept: %s%.12s). Try again on the new "
        "HEAD.",
        short_branch(branch), git_oid_tostr_s(from), n ? "refs/pawl/attempts, " : "",
        git_oid_tostr_s(to));
    TRY(apply_state_rolled_back(r, n));
    return ratchet__state(r, n, "done", NULL);
}

/* Was `commit` reached by the branch already (it is the tip, or the tip descends from it)? */
static bool reached(git_repository *repo, const git_oid *tip, const git_oid *commit)
{
    return git_oid_equal(tip, commit) || git_graph_descendant_of(repo, tip, commit) == 1;
}

int apply_finish(struct ratchet *r, int64_t n, const char *data, char *happened, char win[REPO_HEX])
{
    const char *from_text, *to_text, *branch, *worktree;
    json_t *json = json_loads(data, 0, NULL);
    struct strbuf left = {0};
    git_oid from, to, tip;
    int rc;

    if (json_unpack(json, "{s:s, s:s, s:s, s:s}", "from", &from_text, "to", &to_text, "branch",
                    &branch, "worktree", &worktree) ||
        git_oid_fromstr(&from, from_text) || git_oid_fromstr(&to, to_text)) {
        rc = err_set(ERR_FORMAT, "ledger: state applied of attempt %lld is damaged", (long long)n);
        goto out;
    }
    rc = repo_ref_swap(r->repo, branch, &from, &to, n ? "ratchet: win" : "ratchet: checkpoint");
    if (rc == 0 && repo_ref_target(r->repo, branch, &tip) == 1 && reached(r->repo, &tip, &to))
        rc = 1;
    if (rc < 0)
        goto out;
    if (rc == 0) {
        rc = not_moved(r, n, branch, &from, &to, happened);
        goto out;
    }
    ratchet__kill_point("", "moved");
    git_oid_tostr(win, REPO_HEX, &to);
    rc = worktree_advance(worktree, branch, &from, &to, &left);
    if (rc == 0)
        rc = ratchet__state(r, n, "done", NULL);
    snprintf(happened, HAPPENED, "%s moved from %.12s to %.12s%s%s", short_branch(branch),
             from_text, to_text, left.len ? "; left as edited meanwhile: " : "", strbuf_str(&left));
    if (rc == 0)
        rc = 1;
out:
    strbuf_deinit(&left);
    json_decref(json);
    return rc;
}

static int apply_planned(struct ratchet *r, int64_t n, const git_oid *from, const git_oid *to,
                         const char *branch, const char *worktree, char *happened,
                         char win[REPO_HEX])
{
    json_t *json = applied_json(from, to, branch, worktree);
    char *text;
    int rc = ratchet__state(r, n, "applied", json);

    if (rc == 0) {
        text = json_dumps(json, JSON_COMPACT);
        rc = apply_finish(r, n, text, happened, win);
        free(text);
    }
    json_decref(json);
    return rc;
}

int apply_win(struct ratchet *r, const struct proposal *p, char *happened, char win[REPO_HEX])
{
    git_oid to;

    TRY(plan_win(r, p, &to));
    return apply_planned(r, p->n, &p->parent, &to, p->branch, p->worktree, happened, win);
}

int apply_rollback(struct ratchet *r, const struct proposal *p, bool keep_files, char *happened)
{
    struct strbuf left = {0};
    size_t n_restored = 0;
    int rc = 0;

    if (!keep_files)
        rc = worktree_restore(p->worktree, p->branch, &p->parent, &p->attempt, &n_restored, &left);
    ratchet__kill_point("", "restored");
    if (rc == 0)
        rc = ratchet__state(r, p->n, "done", NULL);
    if (keep_files)
        snprintf(happened, HAPPENED, "your files were left as they are");
    else if (left.len)
        snprintf(happened, HAPPENED,
                 "%zu file%s restored to HEAD; left as they are, because they were "
                 "edited meanwhile: %s",
                 n_restored, n_restored == 1 ? "" : "s", left.data);
    else
        snprintf(happened, HAPPENED,
                 "kernel restored to HEAD (%zu file%s); the attempt is kept: git checkout "
                 "refs/pawl/attempts/%lld -- kernel",
                 n_restored, n_restored == 1 ? "" : "s", (long long)p->n);
    strbuf_deinit(&left);
    return rc;
}

/* --- checkpoint --- */

static int store_checkpoint(struct ratchet *r, const git_oid *head, const struct ledger_row *last,
                            git_oid *out)
{
    struct strbuf message = {0};
    char now[32];
    git_oid tree;
    struct repo_commit c = {.tree = &tree, .n_parents = 2};
    int rc;

    ratchet__time_now(now);
    c.time = ratchet__time_parse(now);
    git_oid_cpy(&c.parents[0], head);
    strbuf_addf(
        &message,
        "ratchet: checkpoint at experiment %lld\n\nNo kernel change: this joins the attempts so "
        "far to the branch.\n\nCheckpoint: %lld\nLedger-Head: %s\nJudge-Hash: %s\n",
        (long long)last->experiment, (long long)last->experiment, last->hash, last->judge);
    c.message = message.data;
    rc = logbranch_tip(r->repo, &c.parents[1]);
    if (rc == 1)
        rc = logbranch_join_tree(r, head, last->experiment, &tree);
    if (rc == 0)
        rc = repo_commit_store(r->repo, &c, out);
    strbuf_deinit(&message);
    return rc;
}

/* Does the commit's results.tsv hold all rows already? */
static int carries_all(struct ratchet *r, const git_oid *head)
{
    struct strbuf want = {0}, have = {0};
    git_tree *tree = NULL;
    int rc = repo_tree_of(r->repo, head, &tree);

    if (rc == 0)
        rc = repo_file_read(r->repo, tree, REPO_RESULTS, &have);
    if (rc >= 0 && ledger_export(r->ledger, 0, &want) < 0)
        rc = err_code();
    if (rc == 1)
        rc = want.len == have.len && memcmp(want.data, have.data, want.len) == 0;
    git_tree_free(tree);
    strbuf_deinit(&want);
    strbuf_deinit(&have);
    return rc;
}

int ratchet_checkpoint(struct ratchet *r, char id[GIT_OID_HEXSZ + 1])
{
    char branch[REPO_REF], happened[HAPPENED] = "";
    struct ledger_row last;
    git_oid head, made;
    int rc;

    TRY(ratchet_begin(r));
    TRY(repo_head(r->repo, branch, &head));
    rc = ledger_find(r->ledger, ledger_count(r->ledger), &last);
    if (rc <= 0)
        return rc;
    rc = carries_all(r, &head);
    if (rc == 0) {
        rc = store_checkpoint(r, &head, &last, &made);
        if (rc == 0)
            rc = apply_planned(r, 0, &head, &made, branch, r->root, happened, id);
        if (rc == 0)
            rc = err_set(ERR_CONFLICT, "%s", happened);
    } else if (rc == 1) {
        rc = 0;
    }
    ledger_row_deinit(&last);
    return rc;
}
