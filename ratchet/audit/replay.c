/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/audit/replay.h"
#include "ratchet/audit/rematch.h"
#include "ratchet/git/repo.h"
#include "ratchet/history/revision.h"
#include "ratchet/history/veto.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <string.h>

enum replay_finding replay_judge(const struct honesty_sum *claimed,
                                 const struct honesty_sum *measured)
{
    const struct honesty_sum difference = {measured->mean - claimed->mean,
                                           measured->variance + claimed->variance};
    bool agrees = fabs(difference.mean) <= honesty_reach(&difference);

    if (measured->mean - honesty_reach(measured) <= 0)
        return agrees && measured->mean + honesty_reach(measured) > 0 ? REPLAY_UNCLEAR
                                                                      : REPLAY_GONE;
    if (agrees)
        return REPLAY_HOLDS;
    return difference.mean > 0 ? REPLAY_LARGER : REPLAY_SMALLER;
}

/* Of a case that lost the row its win: being slower is a gain with the sign turned. */
static enum replay_finding veto_judge(const struct replay *p, const char *name)
{
    for (size_t i = 0; i < p->n_cases; i++) {
        const struct replay_case *c = &p->cases[i];
        const struct honesty_sum claimed = {-c->claimed.mean, c->claimed.variance},
                                 measured = {-c->measured.mean, c->measured.variance};
        enum replay_finding finding = replay_judge(&claimed, &measured);

        if (strcmp(c->name, name) == 0)
            return finding == REPLAY_GONE || finding == REPLAY_UNCLEAR ? finding : REPLAY_HOLDS;
    }
    return p->verdict == JUDGE_SAME_CODE ? REPLAY_GONE : REPLAY_UNCLEAR;
}

/* No verdict of today to go by: does its interval end where the claim's did, or lie above it? */
static enum replay_finding interval_judge(const struct replay *p)
{
    double claimed = fmax(p->claimed.mean + honesty_reach(&p->claimed), 0),
           reach = honesty_reach(&p->measured);

    if (p->measured.mean - reach > claimed)
        return REPLAY_GONE;
    return p->measured.mean + reach <= claimed ? REPLAY_HOLDS : REPLAY_UNCLEAR;
}

enum replay_finding replay_judge_other(const struct replay *p)
{
    char slower[96];

    if (p->verdict == JUDGE_WIN)
        return REPLAY_GONE;
    veto_case(p->row.reason, slower);
    if (slower[0])
        return veto_judge(p, slower);
    if (p->verdict == JUDGE_LOSS || p->verdict == JUDGE_SAME_CODE ||
        (p->verdict == JUDGE_INCONCLUSIVE && strcmp(p->row.verdict, "INCONCLUSIVE") == 0))
        return REPLAY_HOLDS;
    return interval_judge(p);
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

/* NAN when a gate stopped it. */
static struct honesty_sum total_of(const struct judge_trial *t)
{
    struct honesty_sum total;

    return rematch_sum(t, NULL, &total) ? total : (struct honesty_sum){NAN, NAN};
}

static int trial_take(struct ratchet *r, const struct judge_trial *t, struct replay *out)
{
    struct claim_search search = {out, t};

    out->verdict = t->verdict;
    out->n_units = rematch_units(t);
    snprintf(out->reason, sizeof out->reason, "%s", t->reason);
    out->measured = total_of(t);
    return ledger_cases(r->ledger, out->row.experiment, case_pair, &search);
}

/* HEAD's kernel against another; its units are added to *n_units. */
static int head_measure(struct ratchet *r, const struct rematch_options *how,
                        const git_oid *against, struct honesty_sum *out, uint32_t *n_units)
{
    struct judge_trial t;
    git_oid head;

    if (git_reference_name_to_id(&head, r->repo, "HEAD"))
        return repo_fail("reading HEAD");
    TRY(rematch(r, how, &head, against, &t));
    *out = total_of(&t);
    *n_units += rematch_units(&t);
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
    TRY(head_measure(r, how, &attempt->commit, &to_attempt, &out->n_units));
    if (isnan(to_attempt.mean)) /* it does not even build */
        return 0;
    TRY(head_measure(r, how, &base->commit, &to_base, &out->n_units));
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
        out->finding = strcmp(out->row.verdict, "WIN") == 0
                           ? replay_judge(&out->claimed, &out->measured)
                           : replay_judge_other(out);
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
