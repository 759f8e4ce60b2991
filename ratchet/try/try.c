/* SPDX-License-Identifier: Apache-2.0
 *
 * One experiment from the working tree to its end, in the order of the design: scope, attempt
 * commit, verdict, row, ratchet-log, then win or rollback. */
#include "ratchet/try/apply.h"
#include "ratchet/try/controls.h"
#include "ratchet/try/earlier.h"
#include "ratchet/try/hypothesis.h"
#include "ratchet/git/logbranch.h"
#include "ratchet/try/progress.h"
#include "ratchet/ratchet.h"
#include "ratchet/try/record.h"
#include "ratchet/try/scope.h"
#include "ratchet/try/staging.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <string.h>

enum { AGAIN_MOST = 2 }; /* further rounds of a try whose branch moves under it */

/* --- proposing --- */

static int store_attempt(struct ratchet *r, const struct scope *s, struct proposal *p)
{
    struct repo_commit c = {.tree = &s->tree, .n_parents = 1, .author = p->author};
    struct strbuf message = {0};
    int rc;

    git_oid_cpy(&c.parents[0], &s->head);
    c.time = ratchet__time_parse(p->time);
    strbuf_addf(&message, "attempt %lld: %s\n", (long long)p->n, p->hypothesis);
    c.message = message.data;
    rc = repo_commit_store(r->repo, &c, &p->attempt);
    strbuf_deinit(&message);
    return rc;
}

static int make_proposal(struct ratchet *r, const struct scope *s,
                         const struct ratchet_try_options *o, struct proposal *p)
{
    struct strbuf author = {0};
    char now[32], digest[SHA256_HEX];
    git_tree *tree = NULL;
    int64_t last = ledger_count(r->ledger);
    int rc = last < 0 ? (int)last : 0;

    memset(p, 0, sizeof *p);
    p->n = last + 1;
    git_oid_cpy(&p->parent, &s->head);
    git_oid_cpy(&p->source, &s->source);
    snprintf(p->branch, sizeof p->branch, "%s", s->branch);
    ratchet__time_now(now);
    if (o->author)
        strbuf_addf(&author, "%s", o->author);
    else
        repo_user_name(r->repo, &author);
    record_text(&p->author, strbuf_str(&author));
    strbuf_deinit(&author);
    ledger_text_set(&p->time, now);
    ledger_text_set(&p->worktree, r->root);
    ledger_text_set(&p->hypothesis, o->hypothesis);
    ledger_text_set(&p->focus, o->focus);
    ledger_text_set(&p->judge, r->judge->hash);
    ledger_text_set(&p->origin, o->origin);
    if (rc == 0 && git_tree_lookup(&tree, r->repo, &s->tree))
        rc = repo_fail("the attempt's tree");
    if (rc == 0)
        rc = repo_kernel_digest(r->repo, tree, digest);
    if (rc == 0) {
        ledger_text_set(&p->kernel, digest);
        rc = store_attempt(r, s, p);
        if (rc == 0 && git_oid_is_zero(&p->source))
            git_oid_cpy(&p->source, &p->attempt);
    }
    git_tree_free(tree);
    return rc;
}

static int propose(struct ratchet *r, const struct proposal *p)
{
    json_t *data = proposal_json(p);
    int rc = data ? ratchet__state(r, p->n, "proposed", data)
                  : err_set(ERR_USAGE, "author, focus or path of this folder are no valid UTF-8");

    json_decref(data);
    return rc < 0 ? rc : ratchet__attempt_ref(r, p->n, &p->attempt);
}

/* --- the seal --- */

/* A judge hash other than the last row's opens a new epoch with a row of its own. */
static int seal_if_changed(struct ratchet *r, const struct scope *s)
{
    struct ledger_row last, row;
    struct strbuf text = {0};
    char hex[REPO_HEX], now[32];
    int rc = ledger_find(r->ledger, ledger_count(r->ledger), &last);
    bool same;

    if (rc <= 0)
        return rc;
    same = strcmp(last.judge, r->judge->hash) == 0;
    if (same) {
        ledger_row_deinit(&last);
        return 0;
    }
    ratchet__time_now(now);
    ledger_row_init(&row);
    ledger_text_set(&row.time, now);
    ledger_text_set(&row.verdict, LEDGER_SEAL);
    ledger_text_set(&row.judge, r->judge->hash);
    ledger_text_set(&row.attempt, git_oid_tostr(hex, sizeof hex, &s->head));
    repo_user_name(r->repo, &text);
    record_text(&row.author, text.data);
    strbuf_clear(&text);
    strbuf_addf(&text, "sealed sources changed: judge hash %s -> %s at commit %s", last.judge,
                r->judge->hash, hex);
    ledger_text_set(&row.reason, text.data);
    ledger_text_set(&row.hypothesis, "the sealed sources changed");
    rc = ledger_append(r->ledger, &row, "{\"next\":\"evidence and controls start again\"}", NULL);
    ratchet__say(r, "row %lld: %s", (long long)row.experiment, text.data);
    ledger_row_deinit(&last);
    ledger_row_deinit(&row);
    strbuf_deinit(&text);
    return rc < 0 ? rc : logbranch_sync(r);
}

/* --- judging --- */

/* One question to the judge. */
struct question {
    struct ratchet *r;
    const struct scope *scope;
    const char *hypothesis, *focus, *features;
    const json_t *calibration; /* NULL: none on record */
    double margin;
    int64_t n;              /* 0: dry run, nothing is recorded */
    int64_t continued_from; /* found meanwhile */
    int64_t again_of;       /* experiment that won for a branch which had moved; 0: none */
    bool json_progress;
    bool check; /* in a dry run */
    struct progress progress;
    char unwritten[512]; /* why the ledger did not take a state; "" = it took all */
};

static void on_progress(void *ctx, const struct judge_progress *p)
{
    static const char *const names[] = {"built", "checked", "measured"};
    struct question *q = ctx;

    progress_show(&q->progress, p);
    if (p->done && q->n && p->stage <= JUDGE_MEASURED &&
        ratchet__state(q->r, q->n, names[p->stage], NULL) < 0)
        snprintf(q->unwritten, sizeof q->unwritten, "%s", err_message());
}

static int on_earlier(void *ctx, const char *code_key, const char *key, json_t **out)
{
    struct question *q = ctx;
    int rc = earlier_find(q->r, code_key, key, &q->continued_from, out);

    progress_clear(&q->progress);
    if (rc == 1)
        ratchet__say(q->r, "the same question as in experiment %lld: its evidence is continued",
                     (long long)q->continued_from);
    return rc;
}

static int run_judge(struct question *q, struct judge_trial *trial)
{
    struct ratchet *r = q->r;
    git_tree *trees[2] = {NULL, NULL};
    struct staging folders = {0};
    struct ratchet_request request = {.focus = q->focus && *q->focus ? q->focus : NULL,
                                      .features = q->features,
                                      .margin = q->margin,
                                      .build_only = q->n == 0,
                                      .check = q->check,
                                      .earlier = on_earlier,
                                      .earlier_ctx = q,
                                      .progress = on_progress,
                                      .progress_ctx = q};
    int rc = repo_tree_of(r->repo, &q->scope->head, &trees[1]);

    progress_init(&q->progress, r->say, q->json_progress);
    progress_publish(&q->progress, r->store, q->n, q->hypothesis);
    if (rc == 0 && git_tree_lookup(&trees[0], r->repo, &q->scope->tree))
        rc = repo_fail("the attempt's tree");
    if (rc == 0)
        rc = staging_make(r, q->n, trees[0], trees[1], trees[1], &folders);
    staging_name(&folders, &request);
    if (rc == 0)
        rc = r->judge->trial(r->judge->ctx, &request, trial);
    if (rc == 0 && q->unwritten[0]) {
        r->judge->release(trial);
        rc = err_set(ERR_IO, "a step could not be recorded: %s", q->unwritten);
    }
    q->unwritten[0] = '\0';
    progress_end(&q->progress);
    git_tree_free(trees[0]);
    git_tree_free(trees[1]);
    staging_deinit(&folders);
    return rc;
}

/* --- recording --- */

static void fill_row(struct ratchet *r, const struct proposal *p, struct ledger_row *row)
{
    char hex[REPO_HEX], now[32], machine[256] = "", compiler[128] = "";

    ratchet__time_now(now);
    r->judge->machine(machine);
    r->judge->compiler(compiler);
    row->experiment = p->n;
    ledger_text_set(&row->time, now);
    ledger_text_set(&row->hypothesis, p->hypothesis);
    ledger_text_set(&row->author, p->author);
    ledger_text_set(&row->focus, p->focus);
    ledger_text_set(&row->kernel, p->kernel);
    ledger_text_set(&row->judge, p->judge);
    record_text(&row->machine, machine);
    record_text(&row->compiler, compiler);
    ledger_text_set(&row->parent, git_oid_tostr(hex, sizeof hex, &p->parent));
    ledger_text_set(&row->attempt, git_oid_tostr(hex, sizeof hex, &p->attempt));
}

/* Row and detail record in one transaction with the state that says what comes next. */
static int record(const struct question *q, const struct proposal *p, const struct judge_trial *t,
                  bool keep_files, struct ratchet_result *out)
{
    char base[REPO_HEX];
    const bool merged = !git_oid_equal(&q->scope->base, &q->scope->head);
    const struct record_context context = {
        .calibration = q->calibration,
        .continued_from = q->continued_from,
        .features = q->features,
        .base = merged ? git_oid_tostr(base, sizeof base, &q->scope->base) : NULL,
        .again_of = q->again_of,
        .origin = p->origin};
    struct ratchet *r = q->r;
    bool win = t->verdict == JUDGE_WIN;
    char *text;
    json_t *details;
    int rc;

    fill_row(r, p, &out->row);
    record_row(r->judge, t, &context, &out->row);
    details = record_details(t, &context, &out->row);
    text = json_dumps(details, JSON_INDENT(1) | JSON_SORT_KEYS);
    json_decref(details);
    if (!text)
        return err_set(ERR_FORMAT, "the judge's details are no valid JSON");
    rc = ratchet__append(r, &out->row, text, p->n, win ? "confirmed" : "rolled_back", keep_files);
    free(text);
    if (rc < 0)
        return rc;
    out->recorded = true;
    out->verdict = t->verdict;
    snprintf(out->next, sizeof out->next, "%s", t->next);
    TRY(logbranch_sync(r));
    ratchet__kill_point("", "logged");
    return 0;
}

/* The judge could not say anything: that is a row too, and the user keeps the files. */
static void no_verdict(struct judge_trial *t)
{
    memset(t, 0, sizeof *t);
    t->verdict = JUDGE_INCONCLUSIVE;
    snprintf(t->reason, sizeof t->reason, "no verdict could be reached: %.450s", err_message());
    snprintf(t->next, sizeof t->next,
             "mend what the reason names and try again; the files are as you "
             "left them");
}

static int judge_and_apply(struct question *q, const struct proposal *p, struct ratchet_result *out)
{
    struct ratchet *r = q->r;
    struct judge_trial trial;
    double start = progress_seconds();
    int rc;

    memset(&trial, 0, sizeof trial);
    rc = run_judge(q, &trial);
    out->unable = rc < 0;
    if (rc < 0)
        no_verdict(&trial);
    trial.seconds = progress_seconds() - start;
    rc = record(q, p, &trial, out->unable, out);
    if (rc == 0 && trial.verdict == JUDGE_WIN) {
        rc = apply_win(r, p, out->what_happened, out->win);
        out->applied = rc == 1;
    } else if (rc == 0) {
        rc = apply_rollback(r, p, out->unable, out->what_happened);
    }
    if (!out->unable)
        r->judge->release(&trial);
    ratchet__work_remove(r, p->n);
    return rc < 0 ? rc : 0;
}

static int dry_run(struct question *q, struct ratchet_result *out)
{
    struct ratchet *r = q->r;
    struct judge_trial trial;
    int rc;

    memset(&trial, 0, sizeof trial);
    rc = run_judge(q, &trial);
    if (rc == 0) {
        out->verdict = trial.verdict;
        record_text(&out->row.reason, trial.reason);
        record_text(&out->row.verdict, r->judge->verdict_name(trial.verdict));
        snprintf(out->next, sizeof out->next, "%s", trial.next);
        snprintf(out->what_happened, sizeof out->what_happened,
                 "dry run: nothing was measured, recorded or changed");
        r->judge->release(&trial);
    }
    ratchet__work_remove(r, 0);
    return rc;
}

static int experiment(struct question *q, const struct ratchet_try_options *o, struct proposal *p,
                      struct ratchet_result *out)
{
    TRY(seal_if_changed(q->r, q->scope));
    TRY(make_proposal(q->r, q->scope, o, p));
    q->n = p->n;
    q->continued_from = 0;
    TRY(propose(q->r, p));
    return judge_and_apply(q, p, out);
}

/* A win came too late: its branch has another kernel by now. True when the change is merged onto
 * that and waits in *s to be judged again. */
static bool follow(struct question *q, const struct proposal *p, struct scope *s,
                   struct ratchet_result *out)
{
    size_t said = strlen(out->what_happened);
    struct scope next;

    if (scope_follow(q->r, p, &next) < 0) {
        snprintf(out->what_happened + said, sizeof out->what_happened - said,
                 ". It was not judged again there: %s", err_message());
        return false;
    }
    ratchet__say(q->r,
                 "experiment %lld won against %.12s, but another kernel has come to the branch "
                 "meanwhile; the change is merged onto that and judged again",
                 (long long)p->n, git_oid_tostr_s(&p->parent));
    *s = next;
    q->again_of = p->n;
    ratchet_result_deinit(out);
    memset(out, 0, sizeof *out);
    ledger_row_init(&out->row);
    return true;
}

/* Each round is a row of its own. A branch that moves every time is left to whoever moves it. */
static int experiments(struct question *q, const struct ratchet_try_options *o, struct scope *s,
                       struct ratchet_result *out)
{
    bool again = true;
    int rc = 0;

    for (int i = 0; rc == 0 && again; i++) {
        struct proposal p = {0};

        rc = experiment(q, o, &p, out);
        again = rc == 0 && out->verdict == JUDGE_WIN && !out->applied && i < AGAIN_MOST &&
                follow(q, &p, s, out);
        proposal_deinit(&p);
    }
    return rc;
}

int ratchet_try(struct ratchet *r, const struct ratchet_try_options *o, struct ratchet_result *out)
{
    struct judge_calibration calibration;
    struct scope s;
    struct question q = {.r = r,
                         .scope = &s,
                         .hypothesis = o->hypothesis,
                         .focus = o->focus,
                         .features = o->features ? o->features : RECORD_FEATURES_ALL,
                         .json_progress = o->json_progress,
                         .check = o->check};
    json_t *json;
    int rc;

    memset(out, 0, sizeof *out);
    TRY(hypothesis_check(o->hypothesis));
    r->wait = o->wait;
    r->wait_minutes = o->wait_minutes;
    r->purpose = o->hypothesis;
    rc = ratchet_begin(r);
    r->purpose = NULL;
    TRY(rc);
    TRY(scope_check(r, o->folder, o->base, &s));
    if (s.changes.n == 0)
        return err_set(ERR_CONFLICT,
                       "nothing to try: no kernel/*.c or kernel/*.inc differs from HEAD%s",
                       o->base ? " once merged" : "");
    rc = controls_load(r->judge, &calibration);
    TRY(rc);
    if (rc == 1 && !o->dry_run)
        TRY(controls_check_fit(&calibration));
    q.margin = controls_margin(rc == 1 ? &calibration : NULL);
    q.calibration = json = rc == 1 ? controls_json(&calibration) : NULL;
    ledger_row_init(&out->row);
    rc = o->dry_run ? dry_run(&q, out) : experiments(&q, o, &s, out);
    json_decref(json);
    if (rc < 0)
        ratchet_result_deinit(out);
    return rc;
}

void ratchet_result_deinit(struct ratchet_result *result)
{
    ledger_row_deinit(&result->row);
}
