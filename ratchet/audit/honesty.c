/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/audit/honesty.h"
#include "ratchet/audit/rematch.h"
#include "ratchet/git/lineage.h"
#include "ratchet/history/revision.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

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
static void remark_foreign(const struct lineage *l, size_t first, struct honesty *h)
{
    for (size_t i = 0; i < first; i++)
        if (l->joints[i].kernel && !l->joints[i].win)
            honesty_remark(h,
                           "commit %.12s changes the kernel without an experiment: what it gained "
                           "or lost is measured, but nobody claimed it",
                           git_oid_tostr_s(&l->joints[i].commit));
}

/* --- measuring --- */

static void cases_take(const struct judge_trial *t, struct honesty *out)
{
    out->n_units = rematch_units(t);
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
static int kernels_measure(struct ratchet *r, const struct honesty_options *o, const git_oid *head,
                           const git_oid *first, struct honesty *out)
{
    const struct rematch_options how = {.features = o->features, .max_units = o->max_units};
    struct judge_trial t;
    int rc = 0;

    TRY(rematch(r, &how, head, first, &t));
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

/* --- all of it --- */

/* An experiment that there is, and not a SEAL. */
static int from_check(struct ratchet *r, int64_t from)
{
    struct revision v;
    char name[32];

    snprintf(name, sizeof name, "%lld^", (long long)from);
    return from ? revision_find(r, name, &v) : 0;
}

static int honesty_make(struct ratchet *r, const struct honesty_options *o, struct lineage *l,
                        struct honesty *out)
{
    int64_t n_wins = 0;
    size_t first;

    TRY(from_check(r, o->from));
    TRY(lineage_walk(r->repo, l));
    TRY(lineage_first(r, l, o->from, &first, &out->first_experiment));
    git_oid_tostr(out->head, sizeof out->head, &l->joints[0].commit);
    git_oid_tostr(out->first, sizeof out->first, &l->joints[first].commit);
    for (size_t i = 0; i < first; i++)
        n_wins += l->joints[i].win != 0;
    if (!n_wins)
        return 0;
    TRY(kernels_measure(r, o, &l->joints[0].commit, &l->joints[first].commit, out));
    for (size_t i = first; i-- > 0;)
        if (l->joints[i].win)
            TRY(honesty_claim_add(r, l->joints[i].win, o->features, out));
    honesty_total(out);
    if (out->n_elsewhere)
        honesty_remark(out, "%lld of the wins were judged on another machine",
                       (long long)out->n_elsewhere);
    TRY(remark_seals(r, out));
    remark_foreign(l, first, out);
    return 0;
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
