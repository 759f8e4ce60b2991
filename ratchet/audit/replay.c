/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/audit/replay.h"
#include "ratchet/audit/rematch.h"
#include "ratchet/history/revision.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <string.h>

enum replay_finding replay_judge(const struct honesty_sum *claimed,
                                 const struct honesty_sum *measured, bool win)
{
    double difference = measured->mean - claimed->mean,
           reach = 1.96 * sqrt(claimed->variance + measured->variance),
           own_reach = 1.96 * sqrt(measured->variance);
    bool agrees = fabs(difference) <= reach, gain = measured->mean - own_reach > 0;

    if (win && !gain)
        return agrees && measured->mean + own_reach > 0 ? REPLAY_UNCLEAR : REPLAY_GONE;
    if (agrees)
        return REPLAY_HOLDS;
    return difference > 0 ? REPLAY_LARGER : REPLAY_SMALLER;
}

/* --- the claim --- */

struct claim_search {
    struct replay *out;
    const struct judge_trial *t;
};

/* A case of the row that was measured today too. */
static int case_pair(void *ctx, const struct ledger_case *c)
{
    struct claim_search *s = ctx;

    for (size_t i = 0; i < s->t->n_cases && s->out->n_cases < HONESTY_MAX_CASES; i++) {
        const struct judge_case_result *now = &s->t->cases[i];
        struct replay_case *pair = &s->out->cases[s->out->n_cases];

        if (strcmp(now->c->name, c->name) != 0 || isnan(c->estimate))
            continue;
        snprintf(pair->name, sizeof pair->name, "%s", c->name);
        pair->claimed = (struct honesty_sum){c->estimate, honesty_variance(c->low, c->high)};
        pair->measured = (struct honesty_sum){now->estimate, honesty_variance(now->low, now->high)};
        s->out->n_cases++;
    }
    return 0;
}

static int claim_read(struct ratchet *r, int64_t n, struct replay *out, struct revision *attempt,
                      struct revision *base)
{
    struct strbuf features = {0};
    char name[32];
    int rc;

    snprintf(name, sizeof name, "%lld", (long long)n);
    TRY(revision_find(r, name, attempt));
    snprintf(name, sizeof name, "%lld^", (long long)n);
    TRY(revision_find(r, name, base));
    TRY(ledger_find(r->ledger, n, &out->row));
    rc = ledger_details_text(r->ledger, n, "$.features", &features);
    snprintf(out->features, sizeof out->features, "%s",
             features.len ? features.data : RECORD_FEATURES_ALL);
    strbuf_deinit(&features);
    out->claimed =
        (struct honesty_sum){out->row.estimate, honesty_variance(out->row.low, out->row.high)};
    return rc < 0 ? rc : 0;
}

static void circumstances(struct ratchet *r, struct replay *out)
{
    char machine[256] = "", compiler[128] = "";

    r->judge->machine(machine);
    r->judge->compiler(compiler);
    out->same_judge = strcmp(r->judge->hash, out->row.judge) == 0;
    out->same_machine = strcmp(machine, out->row.machine) == 0;
    out->same_compiler = strcmp(compiler, out->row.compiler) == 0;
}

/* --- the trial --- */

static int trial_take(struct ratchet *r, const struct judge_trial *t, struct replay *out)
{
    const char *now = r->judge->verdict_name(t->verdict);
    struct claim_search search = {out, t};
    bool win = strcmp(out->row.verdict, "WIN") == 0;

    out->verdict = t->verdict;
    out->n_units = t->n_confirm_units ? t->n_confirm_units : t->n_units;
    snprintf(out->reason, sizeof out->reason, "%s", t->reason);
    out->measured = (struct honesty_sum){NAN, NAN};
    if (t->n_cases)
        out->measured = (struct honesty_sum){t->estimate, honesty_variance(t->low, t->high)};
    else if (t->verdict == JUDGE_SAME_CODE)
        out->measured = (struct honesty_sum){0, 0};
    if (isnan(out->claimed.mean)) {
        out->finding = strcmp(now, out->row.verdict) == 0 ? REPLAY_HOLDS : REPLAY_GONE;
        return 0;
    }
    if (isnan(out->measured.mean))
        return err_set(ERR_CONFLICT,
                       "experiment %lld cannot be measured by today's judge: %s: %.300s%s",
                       (long long)out->row.experiment, now, t->reason,
                       out->same_judge ? "" : " (it was judged by another one)");
    out->finding = replay_judge(&out->claimed, &out->measured, win);
    return ledger_cases(r->ledger, out->row.experiment, case_pair, &search);
}

int replay_measure(struct ratchet *r, int64_t n, uint32_t max_units, struct replay *out)
{
    struct rematch_options how = {.max_units = max_units};
    struct revision attempt, base;
    struct judge_trial t;
    int rc;

    memset(out, 0, sizeof *out);
    rc = claim_read(r, n, out, &attempt, &base);
    if (rc == 0) {
        circumstances(r, out);
        how.focus = out->row.focus[0] ? out->row.focus : NULL;
        how.features = out->features;
        rc = rematch(r, &how, &attempt.commit, &base.commit, &t);
    }
    if (rc == 0) {
        rc = trial_take(r, &t, out);
        r->judge->release(&t);
    }
    if (rc < 0)
        replay_deinit(out);
    return rc < 0 ? rc : 0;
}

void replay_deinit(struct replay *p)
{
    ledger_row_deinit(&p->row);
    memset(p, 0, sizeof *p);
}
