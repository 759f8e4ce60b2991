/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/report/report_data.h"

#include "judge/rule/rule.h"
#include "ratchet/git/repo.h"
#include "ratchet/report/report_attempt.h"
#include "ratchet/report/report_cumulative.h"
#include "ratchet/report/report_views.h"
#include "ratchet/try/controls.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <string.h>

struct report {
    struct ratchet *r;
    json_t *attempts, *cases;
    json_t *roofline, *recorded; /* JSON null: none yet */
};

int report_open(struct ratchet *r, struct report **out)
{
    struct report *report = calloc(1, sizeof *report);

    if (!report)
        return err_set(ERR_NOMEM, "report: out of memory");
    report->r = r;
    report->attempts = json_array();
    report->cases = json_array();
    report->roofline = json_null();
    report->recorded = json_null();
    *out = report;
    return 0;
}

void report_close(struct report **report)
{
    if (!*report)
        return;
    json_decref((*report)->attempts);
    json_decref((*report)->cases);
    json_decref((*report)->roofline);
    json_decref((*report)->recorded);
    free(*report);
    *report = NULL;
}

/* --- reading --- */

/* Where the kernel stands is what the newest experiment with every feature found. */
static void take_roofline(struct report *report, const struct ledger_row *row,
                          const json_t *details)
{
    json_t *peaks = json_object_get(json_object_get(details, "judge"), "peaks");
    const json_t *first = json_array_get(json_object_get(peaks, "rows"), 0);
    const char *features = json_string_value(json_object_get(details, "features"));

    if (!json_array_size(json_object_get(details, "cases")) ||
        !json_is_object(json_object_get(first, "read_gbps")) ||
        (features && strcmp(features, RECORD_FEATURES_ALL) != 0))
        return;
    json_decref(report->roofline);
    report->roofline =
        json_pack("{s:I, s:O}", "experiment", (json_int_t)row->experiment, "peaks", peaks);
    record_set_text(report->roofline, "time", row->time);
    record_set_text(report->roofline, "verdict", row->verdict);
}

static void take_calibration(struct report *report, const struct ledger_row *row,
                             const json_t *details)
{
    json_t *held = json_object_get(details, "calibration");

    if (!json_is_object(held))
        return;
    json_decref(report->recorded);
    report->recorded = json_deep_copy(held);
    json_object_set_new(report->recorded, "experiment", json_integer(row->experiment));
}

static int take_row(void *ctx, const struct ledger_row *row)
{
    struct report *report = ctx;
    struct strbuf text = {0};
    json_t *details = NULL;
    int rc = ledger_details(report->r->ledger, row->experiment, &text);

    if (rc == 1)
        details = json_loads(text.data, 0, NULL);
    if (rc >= 0) {
        json_array_append_new(report->attempts,
                              report_attempt(report->r, row, details, report->cases));
        take_roofline(report, row, details);
        take_calibration(report, row, details);
    }
    json_decref(details);
    strbuf_deinit(&text);
    return rc < 0 ? rc : 0;
}

/* --- the parts of the document --- */

static json_t *repository_json(struct ratchet *r)
{
    char branch[REPO_REF], hex[REPO_HEX], *name = strdup(r->root), *slash;
    json_t *o = json_object();
    git_oid head;

    if (name && *name)
        name[strlen(name) - 1] = '\0'; /* root ends with a slash */
    slash = name ? strrchr(name, '/') : NULL;
    record_set_text(o, "name", slash ? slash + 1 : name ? name : "");
    free(name);
    if (repo_head(r->repo, branch, &head) == 0) {
        record_set_text(o, "branch", branch + strlen("refs/heads/"));
        record_set_text(o, "head", git_oid_tostr(hex, sizeof hex, &head));
    } else {
        record_set_text(o, "branch", "");
        record_set_text(o, "head", "");
    }
    return o;
}

static json_t *campaign_json(const json_t *attempts)
{
    int64_t n = 0, wins = 0;
    const json_t *a;
    size_t i;

    json_array_foreach(attempts, i, a)
    {
        const char *verdict = json_string_value(json_object_get(a, "verdict"));

        n += strcmp(verdict, LEDGER_SEAL) != 0;
        wins += strcmp(verdict, "WIN") == 0;
    }
    return json_pack("{s:I, s:I, s:f, s:f, s:f}", "attempts", (json_int_t)n, "wins",
                     (json_int_t)wins, "alpha", RULE_ALPHA, "alpha_confirm", RULE_ALPHA_CONFIRM,
                     "false_win_bound", controls_false_wins(n));
}

static json_t *calibration_json(const struct report *report)
{
    struct judge_calibration c;
    json_t *o = json_pack("{s:n, s:n, s:O}", "on_record", "summary", "recorded", report->recorded);
    json_t *file;
    int rc = controls_load(report->r->judge, &c);

    if (rc < 0)
        record_set_text(o, "problem", err_message());
    if (rc != 1)
        return o;
    json_object_set_new(o, "on_record", controls_json(&c));
    file = json_load_file(c.path, 0, NULL);
    if (json_is_object(json_object_get(file, "summary")))
        json_object_set(o, "summary", json_object_get(file, "summary"));
    json_decref(file);
    return o;
}

/* Attempts with as many diffs as a page carries: wins first, then from the newest back. */
static json_t *attempts_json(const json_t *all)
{
    json_t *out = json_copy((json_t *)(uintptr_t)all), *a;
    size_t left = REPORT_DIFFS_BYTES;

    for (int wins = 1; wins >= 0; wins--)
        for (size_t i = json_array_size(out); i-- > 0;) {
            const char *diff, *verdict;
            size_t bytes;

            a = json_array_get(out, i);
            verdict = json_string_value(json_object_get(a, "verdict"));
            diff = json_string_value(json_object_get(a, "diff"));
            bytes = diff ? strlen(diff) : 0;
            if ((strcmp(verdict, "WIN") == 0) != wins || !bytes)
                continue;
            if (bytes <= left) {
                left -= bytes;
                continue;
            }
            a = json_copy(a);
            json_object_set_new(a, "diff", json_string(""));
            json_object_set_new(a, "diff_cut", json_true());
            json_array_set_new(out, i, a);
        }
    return out;
}

int report_data(struct report *report, json_t **out)
{
    struct ratchet *r = report->r;
    char machine[256] = "", now[32];

    TRY(ledger_each(r->ledger, (int64_t)json_array_size(report->attempts) + 1, 0, take_row,
                    report));
    r->judge->machine(machine);
    ratchet__time_now(now);
    *out = json_pack("{s:i, s:o, s:s, s:s, s:s, s:o, s:O, s:o, s:o, s:O, s:o, s:o}", "format", 1,
                     "repository", repository_json(r), "problem", problem_shipped.name, "judge",
                     r->judge->hash, "generated", now, "campaign", campaign_json(report->attempts),
                     "cases", report->cases, "attempts", attempts_json(report->attempts), "views",
                     report_views(report->attempts, report->cases), "roofline", report->roofline,
                     "calibration", calibration_json(report), "cumulative",
                     report_cumulative(r->root));
    if (!*out)
        return err_set(ERR_NOMEM, "report: out of memory");
    record_set_text(*out, "machine", machine);
    return 0;
}
