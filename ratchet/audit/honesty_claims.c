/* SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic of honesty.h: claims out of detail records, and sums. */
#include "ratchet/audit/honesty.h"
#include "ratchet/history/feature_path.h"
#include "ratchet/history/interval.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void honesty_remark(struct honesty *h, const char *fmt, ...)
{
    char text[512], *clean = NULL;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    record_text(&clean, text);
    json_array_append_new(h->remarks, json_string(clean));
    free(clean);
}

/* The interval of one unit alone is -10 .. +10: a variance of 26, which says that nothing is known. */
double honesty_variance(double low, double high)
{
    double se = interval_se(low, high);

    return isfinite(se) ? se * se : 0;
}

static const json_t *case_find(const json_t *cases, const char *name)
{
    size_t i;
    json_t *c;

    json_array_foreach(cases, i, c)
    {
        const char *have = json_string_value(json_object_get(c, "name"));

        if (have && strcmp(have, name) == 0)
            return c;
    }
    return NULL;
}

/* Add one win's say about one case; `focus` "" = the win had none. */
static void case_claim(struct honesty_case *c, const json_t *claims, const char *focus)
{
    const json_t *claim;
    double estimate;

    if (focus[0] && strcmp(focus, c->op) != 0 && strcmp(focus, c->name) != 0) {
        c->n_unfocused++;
        return;
    }
    claim = case_find(claims, c->name);
    estimate = json_number_value(json_object_get(claim, "estimate"));
    if (!json_is_number(json_object_get(claim, "estimate"))) {
        c->n_missing++;
        return;
    }
    c->n_claims++;
    c->claimed.mean += estimate;
    c->claimed.variance += honesty_variance(json_number_value(json_object_get(claim, "low")),
                                            json_number_value(json_object_get(claim, "high")));
}

static int row_claim(struct ratchet *r, const struct ledger_row *row, const json_t *record,
                     const char *features, struct honesty *out)
{
    char machine[256] = "", had[16];
    int same = feature_path_same(r, row, features, had);

    if (same == 0)
        honesty_remark(out,
                       "experiment %lld won with features %s: its claim is about another path and "
                       "does not count",
                       (long long)row->experiment, had);
    if (same <= 0)
        return same;
    r->judge->machine(machine);
    out->n_wins++;
    out->n_elsewhere += strcmp(machine, row->machine) != 0;
    for (size_t i = 0; i < out->n_cases; i++)
        case_claim(&out->cases[i], json_object_get(record, "cases"), row->focus);
    return 0;
}

int honesty_claim_add(struct ratchet *r, int64_t n, const char *features, struct honesty *out)
{
    struct strbuf text = {0};
    struct ledger_row row;
    json_t *record = NULL;
    int rc = ledger_find(r->ledger, n, &row);

    if (rc < 0)
        return rc;
    if (rc == 0 || strcmp(row.verdict, "WIN") != 0) {
        if (rc == 1)
            ledger_row_deinit(&row);
        return err_set(ERR_INTEGRITY, "row %lld: a win commit names it, but it is none",
                       (long long)n);
    }
    rc = ledger_details(r->ledger, n, &text);
    if (rc == 1)
        record = json_loads(text.data, 0, NULL);
    if (rc >= 0 && !record)
        rc = err_set(ERR_INTEGRITY, "row %lld: its detail record is not here", (long long)n);
    else if (rc >= 0)
        rc = row_claim(r, &row, record, features, out);
    json_decref(record);
    strbuf_deinit(&text);
    ledger_row_deinit(&row);
    return rc < 0 ? rc : 0;
}

/* --- sums --- */

void honesty_total(struct honesty *h)
{
    double weight = 0, all = 0;

    for (size_t i = 0; i < h->n_cases; i++) {
        all += h->cases[i].weight;
        weight += h->cases[i].n_missing ? 0 : h->cases[i].weight;
    }
    h->compared = all > 0 ? weight / all : 0;
    for (size_t i = 0; i < h->n_cases; i++) {
        const struct honesty_case *c = &h->cases[i];
        double share = weight > 0 ? c->weight / weight : 0;

        if (c->n_missing)
            continue;
        h->measured.mean += share * c->measured.mean;
        h->measured.variance += share * share * c->measured.variance;
        h->claimed.mean += share * c->claimed.mean;
        h->claimed.variance += share * share * c->claimed.variance;
    }
}

enum honesty_finding honesty_judge(const struct honesty *h)
{
    double ratio, low, high;

    if (!h->n_cases)
        return HONESTY_ADDS_UP;
    honesty_ratio(&h->measured, &h->claimed, &ratio, &low, &high);
    if (!(h->compared > 0) || !h->n_wins || !(high / ratio <= HONESTY_HIGH))
        return HONESTY_UNCLEAR;
    if (ratio >= HONESTY_LOW && ratio <= HONESTY_HIGH)
        return HONESTY_ADDS_UP;
    return h->n_elsewhere ? HONESTY_UNCLEAR : HONESTY_OFF;
}

double honesty_reach(const struct honesty_sum *s)
{
    return interval_reach(sqrt(s->variance));
}

void honesty_times(const struct honesty_sum *s, double *times, double *low, double *high)
{
    double reach = honesty_reach(s);

    *times = exp(s->mean);
    *low = exp(s->mean - reach);
    *high = exp(s->mean + reach);
}

void honesty_ratio(const struct honesty_sum *measured, const struct honesty_sum *claimed,
                   double *ratio, double *low, double *high)
{
    const struct honesty_sum difference = {measured->mean - claimed->mean,
                                           measured->variance + claimed->variance};

    honesty_times(&difference, ratio, low, high);
}
