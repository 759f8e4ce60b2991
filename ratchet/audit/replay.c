/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/audit/replay.h"
#include "ratchet/audit/rematch.h"
#include "ratchet/git/repo.h"
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

/* What a trial says of its pair; NAN when a gate stopped it. */
static struct honesty_sum trial_sum(const struct judge_trial *t)
{
    if (t->verdict == JUDGE_SAME_CODE)
        return (struct honesty_sum){0, 0};
    if (!t->n_cases)
        return (struct honesty_sum){NAN, NAN};
    return (struct honesty_sum){t->estimate, honesty_variance(t->low, t->high)};
}

static int trial_take(struct ratchet *r, const struct judge_trial *t, struct replay *out)
{
    struct claim_search search = {out, t};

    out->verdict = t->verdict;
    out->n_units = t->n_confirm_units ? t->n_confirm_units : t->n_units;
    snprintf(out->reason, sizeof out->reason, "%s", t->reason);
    out->measured = trial_sum(t);
    return ledger_cases(r->ledger, out->row.experiment, case_pair, &search);
}

/* HEAD's kernel against another. */
static int head_measure(struct ratchet *r, const struct rematch_options *how,
                        const git_oid *against, struct honesty_sum *out)
{
    struct judge_trial t;
    git_oid head;

    if (git_reference_name_to_id(&head, r->repo, "HEAD"))
        return repo_fail("reading HEAD");
    TRY(rematch(r, how, &head, against, &t));
    *out = trial_sum(&t);
    r->judge->release(&t);
    return 0;
}

static int through_head(struct ratchet *r, const struct rematch_options *how,
                        const struct revision *attempt, const struct revision *base,
                        struct replay *out)
{
    struct honesty_sum to_base, to_attempt;

    ratchet__say(r, "today's check refuses it (%.200s); measuring HEAD's kernel against both sides",
                 out->reason);
    TRY(head_measure(r, how, &attempt->commit, &to_attempt));
    if (isnan(to_attempt.mean)) /* it does not even build */
        return 0;
    TRY(head_measure(r, how, &base->commit, &to_base));
    out->measured = (struct honesty_sum){to_base.mean - to_attempt.mean,
                                         to_base.variance + to_attempt.variance};
    out->through_head = true;
    return 0;
}

static int finding_make(struct ratchet *r, struct replay *out)
{
    const char *now = r->judge->verdict_name(out->verdict);

    if (isnan(out->claimed.mean))
        out->finding = strcmp(now, out->row.verdict) == 0 ? REPLAY_HOLDS : REPLAY_GONE;
    else if (isnan(out->measured.mean))
        return err_set(ERR_CONFLICT,
                       "experiment %lld cannot be measured by today's judge: %s: %.300s%s",
                       (long long)out->row.experiment, now, out->reason,
                       out->same_judge ? "" : " (it was judged by another one)");
    else
        out->finding =
            replay_judge(&out->claimed, &out->measured, strcmp(out->row.verdict, "WIN") == 0);
    return 0;
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
    if (rc == 0 && !isnan(out->claimed.mean) && isnan(out->measured.mean))
        rc = through_head(r, &how, &attempt, &base, out);
    if (rc == 0)
        rc = finding_make(r, out);
    if (rc < 0)
        replay_deinit(out);
    return rc < 0 ? rc : 0;
}

void replay_deinit(struct replay *p)
{
    ledger_row_deinit(&p->row);
    memset(p, 0, sizeof *p);
}
