/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/apply.h"

#include "ratchet/git/logbranch.h"
#include "ratchet/git/worktree.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HAPPENED = 1024, SUBJECT = 72, PLANS_MOST = 8 };

static const char *short_branch(const char *ref)
{
    return strncmp(ref, "refs/heads/", 11) == 0 ? ref + 11 : ref;
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

/* Store W on top of `from` and return its id; nothing points at it yet. */
static int plan_win(struct ratchet *r, const struct proposal *p, const git_oid *from, git_oid *win)
{
    struct strbuf message = {0};
    struct ledger_row row;
    git_oid kernel, tree;
    struct repo_commit c = {.tree = &tree, .author = p->author, .n_parents = 2};
    int rc = ledger_find(r->ledger, p->n, &row);

    if (rc <= 0)
        return rc < 0 ? rc : err_set(ERR_INTEGRITY, "ledger: row %lld is missing", (long long)p->n);
    win_message(&row, &message);
    c.message = message.data;
    c.time = ratchet__time_parse(row.time);
    git_oid_cpy(&c.parents[0], from);
    rc = logbranch_tip(r->repo, &c.parents[1]);
    if (rc == 1)
        rc = repo_kernel_onto(r->repo, &p->attempt, from, &kernel);
    if (rc == 0)
        rc = logbranch_join_tree(r, &kernel, p->n, &tree);
    if (rc == 0)
        rc = repo_commit_store(r->repo, &c, win);
    ledger_row_deinit(&row);
    strbuf_deinit(&message);
    return rc;
}

/* A move of a branch, as state "applied" records it: enough to finish without anything else. */
struct move {
    git_oid from, to;
    git_oid source; /* commit with the mutable files as the working tree may have them besides */
    const char *branch, *worktree;
};

static json_t *move_json(const struct move *m)
{
    char from[REPO_HEX], to[REPO_HEX], source[REPO_HEX];

    git_oid_tostr(from, sizeof from, &m->from);
    git_oid_tostr(to, sizeof to, &m->to);
    git_oid_tostr(source, sizeof source, &m->source);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "from", from, "to", to, "source", source,
                     "branch", m->branch, "worktree", m->worktree);
}

/* Texts are borrowed from the JSON. */
static int move_read(json_t *json, int64_t n, struct move *out)
{
    const char *from, *to, *source = NULL;

    if (json_unpack(json, "{s:s, s:s, s?s, s:s, s:s}", "from", &from, "to", &to, "source", &source,
                    "branch", &out->branch, "worktree", &out->worktree) ||
        git_oid_fromstr(&out->from, from) || git_oid_fromstr(&out->to, to) ||
        git_oid_fromstr(&out->source, source ? source : to))
        return err_set(ERR_FORMAT, "ledger: state applied of attempt %lld is damaged",
                       (long long)n);
    return 0;
}

/* State rolled_back of an attempt whose files stay: recovery must not restore them either. */
static int apply_state_rolled_back(struct ratchet *r, int64_t n)
{
    json_t *data = json_pack("{s:b}", "keep", 1);
    int rc = ratchet__state(r, n, "rolled_back", data);

    json_decref(data);
    return rc;
}

/* `why` ends the sentence about the branch. */
static int not_moved(struct ratchet *r, const struct proposal *p, const char *why, char *happened)
{
    snprintf(happened, HAPPENED,
             "the branch %s is no longer at %.12s, against which this was judged, and %s; it was "
             "not moved and your files were left as they are (the attempt is kept: "
             "refs/pawl/attempts/%lld)",
             short_branch(p->branch), git_oid_tostr_s(&p->parent), why, (long long)p->n);
    TRY(apply_state_rolled_back(r, p->n));
    return ratchet__state(r, p->n, "done", NULL);
}

int apply_forget_checkpoint(struct ratchet *r, char *happened)
{
    snprintf(happened, HAPPENED,
             "the branch moved meanwhile; the checkpoint was not made, run it again");
    TRY(apply_state_rolled_back(r, 0));
    return ratchet__state(r, 0, "done", NULL);
}

/* Was `commit` reached by the branch already (it is the tip, or the tip descends from it)? */
static bool reached(git_repository *repo, const git_oid *tip, const git_oid *commit)
{
    return git_oid_equal(tip, commit) || git_graph_descendant_of(repo, tip, commit) == 1;
}

static int move_finish(struct ratchet *r, int64_t n, const struct move *m, char *happened)
{
    struct strbuf left = {0};
    git_oid tip;
    int rc = repo_ref_swap(r->repo, m->branch, &m->from, &m->to,
                           n ? "ratchet: win" : "ratchet: checkpoint");

    if (rc == 0 && repo_ref_target(r->repo, m->branch, &tip) == 1 && reached(r->repo, &tip, &m->to))
        rc = 1;
    if (rc <= 0)
        return rc;
    ratchet__kill_point("", "moved");
    rc = worktree_advance(m->worktree, m->branch, &m->source, &m->from, &m->to, &left);
    if (rc == 0)
        rc = ratchet__state(r, n, "done", NULL);
    snprintf(happened, HAPPENED, "%s moved from %.12s", short_branch(m->branch),
             git_oid_tostr_s(&m->from));
    snprintf(happened + strlen(happened), HAPPENED - strlen(happened), " to %.12s%s%s",
             git_oid_tostr_s(&m->to), left.len ? "; left as edited meanwhile: " : "",
             strbuf_str(&left));
    strbuf_deinit(&left);
    return rc < 0 ? rc : 1;
}

int apply_finish(struct ratchet *r, int64_t n, const char *data, char *happened, char win[REPO_HEX])
{
    json_t *json = json_loads(data, 0, NULL);
    struct move m;
    int rc = move_read(json, n, &m);

    if (rc == 0)
        rc = move_finish(r, n, &m, happened);
    if (rc == 1)
        git_oid_tostr(win, REPO_HEX, &m.to);
    json_decref(json);
    return rc;
}

/* Record "applied", and do it. */
static int move_start(struct ratchet *r, int64_t n, const struct move *m, char *happened,
                      char win[REPO_HEX])
{
    json_t *json = move_json(m);
    int rc = json ? ratchet__state(r, n, "applied", json) : err_set(ERR_NOMEM, "out of memory");

    json_decref(json);
    if (rc == 0)
        rc = move_finish(r, n, m, happened);
    if (rc == 1)
        git_oid_tostr(win, REPO_HEX, &m->to);
    return rc;
}

/* Where the branch is now, if a win over p's parent is one there as well: 1, else 0. */
static int win_parent(struct ratchet *r, const struct proposal *p, git_oid *from)
{
    int rc = repo_ref_target(r->repo, p->branch, from);

    if (rc <= 0 || git_oid_equal(from, &p->parent))
        return rc;
    return repo_same_code(r->repo, from, &p->parent);
}

int apply_win(struct ratchet *r, const struct proposal *p, char *happened, char win[REPO_HEX])
{
    struct move m = {.source = p->source, .branch = p->branch, .worktree = p->worktree};
    const char *why = "moved each time that the win was to go on top of it";
    int rc = 0;

    for (int i = 0; rc == 0 && i < PLANS_MOST; i++) { /* again when it moves right now */
        rc = win_parent(r, p, &m.from);
        if (rc == 0) {
            why = "its kernel or judge changed";
            break;
        }
        if (rc == 1)
            rc = plan_win(r, p, &m.from, &m.to);
        if (rc == 0)
            rc = move_start(r, p->n, &m, happened, win);
    }
    if (rc == 0)
        return not_moved(r, p, why, happened);
    if (rc == 1 && !git_oid_equal(&m.from, &p->parent))
        snprintf(happened + strlen(happened), HAPPENED - strlen(happened),
                 "; it had moved from %.12s while this was judged, with the same kernel",
                 git_oid_tostr_s(&p->parent));
    return rc;
}

int apply_rollback(struct ratchet *r, const struct proposal *p, bool keep_files, char *happened)
{
    struct strbuf left = {0};
    size_t n_restored = 0;
    git_oid head;
    int rc = repo_ref_target(r->repo, p->branch, &head);

    if (rc == 1 && !keep_files)
        rc = worktree_restore(p->worktree, p->branch, &head, &p->source, &n_restored, &left);
    ratchet__kill_point("", "restored");
    if (rc >= 0)
        rc = ratchet__state(r, p->n, "done", NULL);
    if (keep_files)
        snprintf(happened, HAPPENED, "your files were left as they are");
    else if (left.len)
        snprintf(happened, HAPPENED,
                 "%zu file%s restored to HEAD; left as they are, because they were "
                 "edited meanwhile: %s",
                 n_restored, n_restored == 1 ? "" : "s", left.data);
    else if (n_restored)
        snprintf(happened, HAPPENED,
                 "kernel restored to HEAD (%zu file%s); the attempt is kept: git checkout "
                 "refs/pawl/attempts/%lld -- kernel",
                 n_restored, n_restored == 1 ? "" : "s", (long long)p->n);
    else
        snprintf(happened, HAPPENED,
                 "the working tree is HEAD's, as before; the attempt is kept: git checkout "
                 "refs/pawl/attempts/%lld -- kernel",
                 (long long)p->n);
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
    git_tree *base = NULL;
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
        rc = repo_tree_of(r->repo, head, &base);
    if (rc == 0)
        rc = logbranch_join_tree(r, git_tree_id(base), last->experiment, &tree);
    if (rc == 0)
        rc = repo_commit_store(r->repo, &c, out);
    git_tree_free(base);
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
    struct move m = {.branch = branch, .worktree = r->root};
    struct ledger_row last;
    int rc;

    TRY(ratchet_begin(r));
    TRY(repo_head(r->repo, branch, &m.from));
    rc = ledger_find(r->ledger, ledger_count(r->ledger), &last);
    if (rc <= 0)
        return rc;
    rc = carries_all(r, &m.from);
    if (rc == 0) {
        rc = store_checkpoint(r, &m.from, &last, &m.to);
        m.source = m.to;
        if (rc == 0)
            rc = move_start(r, 0, &m, happened, id);
        if (rc == 0)
            rc = apply_forget_checkpoint(r, happened);
        if (rc == 0)
            rc = err_set(ERR_CONFLICT, "%s", happened);
    } else if (rc == 1) {
        rc = 0;
    }
    ledger_row_deinit(&last);
    return rc;
}
