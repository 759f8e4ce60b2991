/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/audit/honesty.h"
#include "ratchet/try/controls.h"
#include "ratchet/try/progress.h"
#include "ratchet/try/record.h"
#include "ratchet/try/staging.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

enum { SCRATCH_NUMBER = -1 }; /* of the scratch folder: no attempt has it */

/* First parents from HEAD back, and which experiment each joined as a win (0: none). */
struct lineage {
    struct joint {
        git_oid commit;
        int64_t win;
    } * joints;
    size_t n, room;
    size_t first; /* index of the first kernel's commit */
};

static void lineage_deinit(struct lineage *l)
{
    free(l->joints);
}

static int lineage_add(struct lineage *l, const git_commit *c)
{
    struct joint *j;
    char text[32];

    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 256;
        struct joint *joints = realloc(l->joints, room * sizeof *joints);

        if (!joints)
            return err_set(ERR_NOMEM, "audit: out of memory");
        l->joints = joints;
        l->room = room;
    }
    j = &l->joints[l->n++];
    j->win = 0;
    if (git_commit_parentcount(c) == 2 &&
        repo_trailer(git_commit_message(c), "Experiment", text, sizeof text))
        j->win = strtoll(text, NULL, 10);
    git_oid_cpy(&j->commit, git_commit_id(c));
    return 0;
}

static int lineage_walk(git_repository *repo, struct lineage *l)
{
    git_oid at;
    bool more = git_reference_name_to_id(&at, repo, "HEAD") == 0;
    int rc = 0;

    while (rc == 0 && more) {
        git_commit *c = NULL;

        if (git_commit_lookup(&c, repo, &at))
            break; /* a shallow clone ends here */
        rc = lineage_add(l, c);
        more = git_commit_parentcount(c) > 0;
        if (more)
            git_oid_cpy(&at, git_commit_parent_id(c, 0));
        git_commit_free(c);
    }
    return rc;
}

/* --- the first kernel --- */

struct first_search {
    struct lineage *l;
    int64_t experiment;
};

/* The first experiment whose parent this branch descends from. */
static int first_is(void *ctx, const struct ledger_row *row)
{
    struct first_search *s = ctx;
    git_oid parent;

    if (strcmp(row->verdict, LEDGER_SEAL) == 0 || git_oid_fromstr(&parent, row->parent))
        return 0;
    for (size_t i = 0; i < s->l->n; i++)
        if (git_oid_equal(&parent, &s->l->joints[i].commit)) {
            s->l->first = i;
            s->experiment = row->experiment;
            return 1;
        }
    return 0;
}

static int first_find(struct ratchet *r, int64_t from, struct lineage *l, int64_t *experiment)
{
    struct first_search s = {.l = l};
    int rc = ledger_each(r->ledger, from ? from : 1, from, first_is, &s);

    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(ERR_CONFLICT,
                       from ? "experiment %lld was not tried on an ancestor of HEAD"
                            : "no experiment was tried on an ancestor of HEAD",
                       (long long)from);
    *experiment = s.experiment;
    return 0;
}

/* --- what lies between --- */

static int count_seal(void *ctx, const struct ledger_row *row)
{
    int64_t *n = ctx;

    *n += strcmp(row->verdict, LEDGER_SEAL) == 0;
    return 0;
}

static int remark_seals(struct ratchet *r, struct honesty *h)
{
    int64_t n = 0;

    TRY(ledger_each(r->ledger, h->first_experiment, 0, count_seal, &n));
    if (n)
        honesty_remark(h,
                       "the judge changed %lld time%s since: claims before that were judged by "
                       "another one, and count for the cases that have the same names today",
                       (long long)n, n == 1 ? "" : "s");
    return 0;
}

/* Kernel changes that came without an experiment are measured but not claimed. */
static int remark_foreign(struct ratchet *r, const struct lineage *l, struct honesty *h)
{
    for (size_t i = 0; i < l->first; i++) {
        struct repo_changes changes;
        size_t others;

        if (l->joints[i].win)
            continue;
        TRY(repo_changes_between(r->repo, &l->joints[i + 1].commit, &l->joints[i].commit, &changes,
                                 &others));
        if (changes.n)
            honesty_remark(h,
                           "commit %.12s changes the kernel without an experiment: what it gained "
                           "or lost is measured, but nobody claimed it",
                           git_oid_tostr_s(&l->joints[i].commit));
    }
    return 0;
}

/* --- measuring --- */

static int no_earlier(void *ctx, const char *code_key, const char *key, json_t **out)
{
    (void)ctx;
    (void)code_key;
    (void)key;
    (void)out;
    return 0;
}

static void on_progress(void *ctx, const struct judge_progress *p)
{
    progress_show(ctx, p);
}

static void cases_take(const struct judge_trial *t, struct honesty *out)
{
    out->n_units = t->n_confirm_units ? t->n_confirm_units : t->n_units;
    out->n_cases = t->n_cases < HONESTY_MAX_CASES ? t->n_cases : HONESTY_MAX_CASES;
    for (size_t i = 0; i < out->n_cases; i++) {
        const struct judge_case_result *from = &t->cases[i];
        struct honesty_case *c = &out->cases[i];

        snprintf(c->name, sizeof c->name, "%s", from->c->name);
        snprintf(c->op, sizeof c->op, "%s", from->c->op);
        c->weight = from->c->weight;
        c->measured = (struct honesty_sum){from->estimate, honesty_variance(from->low, from->high)};
    }
}

/* A trial of HEAD against the first kernel, whatever its verdict: its case table counts. */
static int trial_run(struct ratchet *r, const struct honesty_options *o,
                     const struct staging *folders, struct honesty *out)
{
    struct progress progress;
    struct judge_trial t;
    struct ratchet_request request = {.features = o->features,
                                      .max_units = o->max_units,
                                      .margin = controls_margin(NULL),
                                      .earlier = no_earlier,
                                      .progress = on_progress,
                                      .progress_ctx = &progress};
    int rc;

    staging_name(folders, &request);
    progress_init(&progress, r->say, false);
    memset(&t, 0, sizeof t);
    rc = r->judge->trial(r->judge->ctx, &request, &t);
    progress_clear(&progress);
    if (rc < 0)
        return rc;
    if (t.n_cases && t.verdict != JUDGE_WIN)
        honesty_remark(out, "the judge's verdict on the two kernels: %s: %.300s",
                       r->judge->verdict_name(t.verdict), t.reason);
    if (t.n_cases)
        cases_take(&t, out);
    else
        rc = err_set(ERR_CONFLICT, "HEAD was not measured against the first kernel: %s: %.400s",
                     r->judge->verdict_name(t.verdict), t.reason);
    r->judge->release(&t);
    return rc;
}

static int kernels_measure(struct ratchet *r, const struct honesty_options *o,
                           const struct lineage *l, struct honesty *out)
{
    git_tree *head = NULL, *first = NULL;
    struct staging folders = {0};
    char hash[SHA256_HEX];
    int rc = repo_tree_of(r->repo, &l->joints[0].commit, &head);

    if (rc == 0)
        rc = repo_tree_of(r->repo, &l->joints[l->first].commit, &first);
    if (rc == 0)
        rc = repo_judge_hash(r->repo, head, hash);
    if (rc == 0 && strcmp(hash, r->judge->hash) != 0)
        rc = err_set(ERR_CONFLICT,
                     "these programs were built from other sealed sources than HEAD's: make");
    if (rc == 0)
        rc = staging_make(r, SCRATCH_NUMBER, head, first, head, &folders);
    if (rc == 0)
        rc = trial_run(r, o, &folders, out);
    ratchet__work_remove(r, SCRATCH_NUMBER);
    staging_deinit(&folders);
    git_tree_free(head);
    git_tree_free(first);
    return rc;
}

/* --- all of it --- */

static int honesty_make(struct ratchet *r, const struct honesty_options *o, struct lineage *l,
                        struct honesty *out)
{
    int64_t n_wins = 0;

    TRY(lineage_walk(r->repo, l));
    TRY(first_find(r, o->from, l, &out->first_experiment));
    git_oid_tostr(out->head, sizeof out->head, &l->joints[0].commit);
    git_oid_tostr(out->first, sizeof out->first, &l->joints[l->first].commit);
    for (size_t i = 0; i < l->first; i++)
        n_wins += l->joints[i].win != 0;
    if (!n_wins)
        return 0;
    TRY(kernels_measure(r, o, l, out));
    for (size_t i = l->first; i-- > 0;)
        if (l->joints[i].win)
            TRY(honesty_claim_add(r, l->joints[i].win, o->features, out));
    honesty_total(out);
    if (out->n_elsewhere)
        honesty_remark(out, "%lld of the wins were judged on another machine",
                       (long long)out->n_elsewhere);
    TRY(remark_seals(r, out));
    return remark_foreign(r, l, out);
}

int honesty_measure(struct ratchet *r, const struct honesty_options *o, struct honesty *out)
{
    struct honesty_options known = *o;
    struct lineage l = {0};
    int rc;

    if (!known.features)
        known.features = RECORD_FEATURES_ALL;
    memset(out, 0, sizeof *out);
    out->remarks = json_array();
    rc = honesty_make(r, &known, &l, out);
    lineage_deinit(&l);
    if (rc < 0)
        honesty_deinit(out);
    return rc;
}

void honesty_deinit(struct honesty *h)
{
    json_decref(h->remarks);
    memset(h, 0, sizeof *h);
}
