/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/report/report_rows.h"

#include "ratchet/report/report_data.h"
#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static json_t *case_json(const char *name, const char *op, double weight, double estimate)
{
    return json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "name", name, "op",
                     op, "regime", "memory", "weight", weight, "estimate", estimate, "low",
                     estimate - 0.01, "high", estimate + 0.01, "candidate_ns", 1e5 * exp(-estimate),
                     "incumbent_ns", 1e5, "floor_ns", 5e4, "utilisation", 0.5);
}

static json_t *peaks_json(void)
{
    return json_pack("{s:[{s:i, s:f, s:f, s:{s:f, s:f, s:f, s:f}}]}", "rows", "threads", 1,
                     "f32_gflops", 200.0, "int8_gops", 800.0, "read_gbps", "L1", 400.0, "L2", 150.0,
                     "L3", 30.0, "DRAM", 16.0);
}

void rows_add(struct ratchet *r, const char *verdict, const char *hypothesis, const char *focus,
              double estimate)
{
    json_t *details = json_pack("{s:s, s:s, s:{s:o}, s:[]}", "features", "all", "next",
                                "the next thing", "judge", "peaks", peaks_json(), "cases");
    json_t *cases = json_object_get(details, "cases");
    struct ledger_row row;
    char *text;

    ledger_row_init(&row);
    ledger_text_set(&row.time, "2026-01-31T12:00:00Z");
    ledger_text_set(&row.verdict, verdict);
    ledger_text_set(&row.hypothesis, hypothesis);
    ledger_text_set(&row.author, "Tester");
    ledger_text_set(&row.focus, focus);
    ledger_text_set(&row.judge, r->judge->hash);
    ledger_text_set(&row.reason, "as the test wanted");
    if (isfinite(estimate)) {
        row.estimate = estimate;
        row.low = estimate - 0.01;
        row.high = estimate + 0.01;
        row.units = 20;
        json_array_append_new(cases, case_json("gemv-q4_k", "gemv", 0.75,
                                               strcmp(focus, "gemm") == 0 ? 0.001 : estimate));
        json_array_append_new(cases, case_json("gemm-q4_k-n64", "gemm", 0.25, estimate));
    }
    text = json_dumps(details, 0);
    cr_assert_eq(ledger_append(r->ledger, &row, text, NULL), 0, "%s", err_message());
    free(text);
    json_decref(details);
    ledger_row_deinit(&row);
}

void rows_add_foreign(struct ratchet *r)
{
    static const char details[] = "{\"judge\":{\"peaks\":{}},\"calibration\":{\"verdict\":\"FIT\"},"
                                  "\"features\":\"all\",\"cases\":[{},{\"name\":\"rope\"}]}";
    struct ledger_row row;

    ledger_row_init(&row);
    ledger_text_set(&row.verdict, "LOSS");
    ledger_text_set(&row.judge, r->judge->hash);
    cr_assert_eq(ledger_append(r->ledger, &row, details, NULL), 0, "%s", err_message());
    ledger_row_deinit(&row);
}

void rows_campaign(struct ratchet *r, int n)
{
    static const char *const verdicts[] = {"LOSS",         "WIN",           "INCONCLUSIVE",
                                           "FAIL_BUILD",   "SAME_CODE",     "LOSS",
                                           "FAIL_TIMEOUT", "UNFIT_MACHINE", "CHEAT"};
    static const size_t n_verdicts = sizeof verdicts / sizeof *verdicts;
    char hypothesis[96];

    for (int i = 0; i < n; i++) {
        const char *verdict = verdicts[(size_t)i % n_verdicts];
        bool win = strcmp(verdict, "WIN") == 0, loss = strcmp(verdict, "LOSS") == 0;

        snprintf(hypothesis, sizeof hypothesis, "idea %d: wider tiles, one more register", i + 1);
        rows_add(r, verdict, hypothesis, i % 3 ? "gemm" : "", win ? 0.004 : loss ? -0.01 : NAN);
    }
}

json_t *rows_report(struct ratchet *r)
{
    struct report *report = NULL;
    json_t *data = NULL;

    cr_assert_eq(report_open(r, &report), 0);
    cr_assert_eq(report_data(report, &data), 0, "%s", err_message());
    report_close(&report);
    return data;
}
