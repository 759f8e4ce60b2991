/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/ending.h"

#include "ratchet/agent/standing.h"
#include "ratchet/try/record.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { DETAIL = 400 };

void ending_notice(struct ending *e, const char *fmt, ...)
{
    size_t n = strlen(e->notice);
    va_list ap;

    if (n && n + 2 < sizeof e->notice)
        n += (size_t)snprintf(e->notice + n, sizeof e->notice - n, "; ");
    va_start(ap, fmt);
    vsnprintf(e->notice + n, sizeof e->notice - n, fmt, ap);
    va_end(ap);
}

static int note(struct ending *e, json_t *event)
{
    const char *detail = json_string_value(json_object_get(event, "detail"));

    if (e->say)
        fprintf(e->say, "round %lld: %s%s%s\n", (long long)e->round,
                json_string_value(json_object_get(event, "outcome")), *detail ? ": " : "", detail);
    return campaign_note(e->c, event);
}

int ending_untried(struct ending *e, enum outcome o, const char *fmt, ...)
{
    json_t *event =
        json_pack("{s:s, s:I, s:s, s:s?}", "event", "end", "round", (json_int_t)e->round, "outcome",
                  outcome_name(o), "hypothesis", e->hypothesis);
    char detail[DETAIL + sizeof e->notice + 2];
    va_list ap;
    size_t n;

    va_start(ap, fmt);
    vsnprintf(detail, DETAIL, fmt, ap);
    va_end(ap);
    n = strlen(detail);
    if (e->notice[0])
        snprintf(detail + n, sizeof detail - n, "%s%s", n ? "; " : "", e->notice);
    for (char *p = detail; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    record_set_text(event, "detail", detail);
    return note(e, event);
}

int ending_tried(struct ending *e, const struct ledger_row *row, bool overtaken)
{
    char detail[DETAIL + sizeof e->notice];
    double share = standing_share(campaign_text(e->c, "focus"), row->focus);
    json_t *event = json_pack("{s:s, s:I, s:s, s:I, s:s, s:s, s:f, s:b, s:b, s:O}", "event", "end",
                              "round", (json_int_t)e->round, "outcome", outcome_name(OUTCOME_TRIED),
                              "experiment", (json_int_t)row->experiment, "verdict", row->verdict,
                              "hypothesis", row->hypothesis, "share", share, "overtaken", overtaken,
                              "unable", standing_unable(row), "rows", e->c->rows);
    int n = snprintf(detail, sizeof detail, "experiment %lld: %s", (long long)row->experiment,
                     row->verdict);

    if (isfinite(row->estimate))
        n += snprintf(detail + n, sizeof detail - (size_t)n, ", %+.2f %% (%+.2f .. %+.2f)",
                      100 * expm1(row->estimate), 100 * expm1(row->low), 100 * expm1(row->high));
    if (share < 1)
        n += snprintf(detail + n, sizeof detail - (size_t)n, " of %.96s alone", row->focus);
    if (overtaken)
        n += snprintf(detail + n, sizeof detail - (size_t)n, ", but other wins came first");
    if (standing_unable(row))
        n += snprintf(detail + n, sizeof detail - (size_t)n, ", %.200s", row->reason);
    if (e->notice[0])
        snprintf(detail + n, sizeof detail - (size_t)n, "; %s", e->notice);
    record_set_text(event, "detail", detail);
    record_set_real(event, "estimate", row->estimate);
    record_set_real(event, "score", row->score);
    return note(e, event);
}
