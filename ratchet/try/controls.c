/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/controls.h"

#include "judge/rule/rule.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <string.h>

int controls_load(const struct ratchet_judge *judge, struct judge_calibration *out)
{
    int rc;

    memset(out, 0, sizeof *out);
    rc = judge->calibration(out);
    return rc < 0 ? err_wrap("the calibration on record cannot be read (judge calibrate makes "
                             "another)")
                  : rc;
}

int controls_check_fit(const struct judge_calibration *c)
{
    if (c->fit)
        return 0;
    return err_set(ERR_CONFLICT,
                   "the calibration of %s found this machine UNFIT to judge: %s; nothing was built "
                   "and your files are as they were. When the machine is quiet: judge calibrate",
                   c->date, c->why);
}

json_t *controls_json(const struct judge_calibration *c)
{
    const char *slash = strrchr(c->path, '/');
    json_t *o = json_object();

    record_set_text(o, "verdict", c->fit ? "FIT" : "UNFIT");
    record_set_text(o, "date", c->date);
    record_set_text(o, "file", slash ? slash + 1 : c->path);
    record_set_text(o, "why", c->why);
    record_set_real(o, "noise", c->unit_noise);
    record_set_real(o, "mde", c->mde > 0 ? c->mde : NAN); /* 0: no effect is found reliably */
    record_set_real(o, "live_bound", c->live_bound);
    record_set_real(o, "replay_bound", c->replay_bound);
    json_object_set_new(o, "n_null", json_integer(c->n_null));
    json_object_set_new(o, "n_null_wins", json_integer(c->n_null_wins));
    return o;
}

double controls_margin(const struct judge_calibration *c)
{
    double half = c && isfinite(c->mde) ? c->mde / 2 : 0;

    return fmax(RULE_MARGIN_MIN, half);
}

static void add_percent(struct strbuf *out, const char *before, double x)
{
    if (isfinite(x))
        strbuf_addf(out, "%s%.2g %%", before, 100 * x);
    else
        strbuf_addf(out, "%sunknown", before);
}

void controls_line(const json_t *calibration, struct strbuf *out)
{
    struct judge_calibration margin = {.mde = record_get_real(calibration, "mde")};
    const char *verdict = json_string_value(json_object_get(calibration, "verdict"));
    const char *date = json_string_value(json_object_get(calibration, "date"));
    const char *why = json_string_value(json_object_get(calibration, "why"));

    if (!verdict) {
        strbuf_addf(out, "no calibration on record: run judge calibrate; margin %.2g %%",
                    100 * controls_margin(NULL));
        return;
    }
    strbuf_addf(out, "%s, %s: ", verdict, date ? date : "");
    if (why && *why)
        strbuf_addf(out, "%s; ", why);
    add_percent(out, "margin ", controls_margin(&margin));
    if (margin.mde > 0)
        add_percent(out, ", smallest effect found in 9 of 10: ", expm1(margin.mde));
    else
        strbuf_addf(out, ", no effect is found in 9 of 10");
    add_percent(out, ", unit noise ", record_get_real(calibration, "noise"));
    strbuf_addf(out, "; %lld of %lld known null changes won",
                (long long)json_integer_value(json_object_get(calibration, "n_null_wins")),
                (long long)json_integer_value(json_object_get(calibration, "n_null")));
    add_percent(out, ", so at most ", record_get_real(calibration, "live_bound"));
    add_percent(out, " live, ", record_get_real(calibration, "replay_bound"));
    strbuf_addf(out, " by replay (95 %%)");
}

/* --- the campaign --- */

static int count_attempt(void *ctx, const struct ledger_row *row)
{
    *(int64_t *)ctx += strcmp(row->verdict, LEDGER_SEAL) != 0;
    return 0;
}

int64_t controls_attempts(struct ledger *l)
{
    int64_t n = 0;

    TRY(ledger_each(l, 1, 0, count_attempt, &n));
    return n;
}

double controls_false_wins(int64_t n_attempts)
{
    return fmin(1, (double)n_attempts * RULE_ALPHA * RULE_ALPHA_CONFIRM);
}

void controls_campaign_line(int64_t n_attempts, struct strbuf *out)
{
    if (n_attempts == 0) {
        strbuf_addf(out, "no attempt yet");
        return;
    }
    strbuf_addf(out,
                "%lld attempt%s; that even one win among them is false has a probability of at "
                "most %.2g (%lld x %g x %g)",
                (long long)n_attempts, n_attempts == 1 ? "" : "s", controls_false_wins(n_attempts),
                (long long)n_attempts, RULE_ALPHA, RULE_ALPHA_CONFIRM);
}
