/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/report/report_attempt.h"
#include "ratchet/report/report_cumulative.h"
#include "ratchet/report/report_data.h"
#include "ratchet/report/report_views.h"
#include "reference/base/err.h"
#include "tests/report/report_rows.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct fixture f;

static void setup(void)
{
    fixture_init(&f);
}

static void teardown(void)
{
    fixture_deinit(&f);
}

TestSuite(report_data, .init = setup, .fini = teardown);

static const json_t *view_of(const json_t *data, const char *subject)
{
    const json_t *v;
    size_t i;

    json_array_foreach(json_object_get(data, "views"), i, v)
    {
        if (strcmp(json_string_value(json_object_get(v, "subject")), subject) == 0)
            return v;
    }
    return NULL;
}

static double point(const json_t *view, size_t i, size_t member)
{
    return json_number_value(
        json_array_get(json_array_get(json_object_get(view, "points"), i), member));
}

static double real_of(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

Test(report_data, wins_add_up_and_a_loss_stands_where_it_would_have_led)
{
    struct ratchet *r = fixture_open(&f);
    const json_t *mix, *gemm;
    json_t *data;

    rows_add(r, "WIN", "everything", "", 0.1);
    rows_add(r, "LOSS", "slower", "", -0.2);
    rows_add(r, "FAIL_BUILD", "broken", "", NAN);
    rows_add(r, "WIN", "gemm alone", "gemm", 0.4);
    data = rows_report(r);
    mix = view_of(data, "mix");
    cr_assert(mix && json_array_size(json_object_get(mix, "points")) == 3);
    cr_assert(near(point(mix, 0, 1), 0) && near(point(mix, 0, 2), 0.1));
    cr_assert(near(point(mix, 1, 1), 0.1) && near(point(mix, 1, 2), -0.2));
    cr_assert(near(point(mix, 2, 1), 0.1) && near(point(mix, 2, 2), 0.25 * 0.4));
    cr_assert(near(real_of(mix, "level"), 0.2));
    gemm = view_of(data, "gemm");
    cr_assert(near(real_of(gemm, "level"), 0.5));
    cr_assert(near(real_of(view_of(data, "gemv"), "level"), 0.1),
              "a win with its focus elsewhere says nothing about gemv");
    json_decref(data);
    ratchet_close(&r);
}

Test(report_data, says_what_it_is_about)
{
    struct ratchet *r = fixture_open(&f);
    const json_t *campaign, *roof, *a;
    json_t *data;

    rows_add(r, "WIN", "first", "", 0.1);
    rows_add(r, "LOSS", HOSTILE, "", -0.1);
    data = rows_report(r);
    campaign = json_object_get(data, "campaign");
    cr_assert_eq(json_integer_value(json_object_get(campaign, "attempts")), 2);
    cr_assert_eq(json_integer_value(json_object_get(campaign, "wins")), 1);
    cr_assert(near(real_of(campaign, "false_win_bound"), 2 * 1e-3 * 1e-2));
    roof = json_object_get(data, "roofline");
    cr_assert_eq(json_integer_value(json_object_get(roof, "experiment")), 2);
    a = json_array_get(json_object_get(data, "attempts"), 1);
    cr_assert_str_eq(json_string_value(json_object_get(a, "hypothesis")), HOSTILE);
    cr_assert_str_eq(
        json_string_value(json_object_get(json_object_get(data, "repository"), "name")), "repo");
    json_decref(data);
    ratchet_close(&r);
}

/* A ledger that somebody else wrote may hold any bytes. */
Test(report_data, every_text_of_an_attempt_is_one)
{
    static const char *const keys[] = {"time",  "verdict", "hypothesis", "author",
                                       "focus", "reason",  "parent",     "attempt",
                                       "judge", "machine", "regime",     "counters"};
    struct ratchet *r = fixture_open(&f);
    json_t *cases = json_array(), *a;
    struct ledger_row row;
    char **const texts[] = {&row.time,  &row.verdict, &row.hypothesis, &row.author,
                            &row.focus, &row.reason,  &row.parent,     &row.attempt,
                            &row.judge, &row.machine, &row.regime,     &row.counters};

    ledger_row_init(&row);
    row.experiment = 1;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ledger_text_set(texts[i], "x \xff");
    a = report_attempt(r, &row, NULL, cases);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = json_string_value(json_object_get(a, keys[i]));

        cr_expect(text && strcmp(text, "x ?") == 0, "%s: %s", keys[i], text ? text : "null");
    }
    json_decref(a);
    json_decref(cases);
    ledger_row_deinit(&row);
    ratchet_close(&r);
}

Test(report_data, peaks_without_a_row_draw_no_roofline)
{
    struct ratchet *r = fixture_open(&f);
    json_t *data;

    rows_add(r, "WIN", "first", "", 0.1);
    rows_add_foreign(r);
    data = rows_report(r);
    cr_assert_eq(json_array_size(json_object_get(data, "attempts")), 2);
    cr_assert_eq(
        json_integer_value(json_object_get(json_object_get(data, "roofline"), "experiment")), 1);
    json_decref(data);
    ratchet_close(&r);
}

Test(report_data, knows_the_change_of_an_attempt)
{
    const json_t *a;
    struct ratchet *r;
    json_t *data;

    fixture_experiment(&f, JUDGE_WIN, FIXTURE_FASTER);
    r = fixture_open(&f);
    data = rows_report(r);
    a = json_array_get(json_object_get(data, "attempts"), 0);
    cr_assert(strstr(json_string_value(json_object_get(a, "diff")), "+int kernel_fn = 2;"));
    cr_assert(json_is_false(json_object_get(a, "diff_cut")));
    cr_assert_eq(json_integer_value(json_object_get(a, "added")), 2);
    json_decref(data);
    ratchet_close(&r);
}

Test(report_data, cuts_a_change_that_is_too_long_after_a_line)
{
    struct strbuf kernel = {0};
    const char *diff;
    const json_t *a;
    struct ratchet *r;
    json_t *data;

    for (int i = 0; i < 8000; i++)
        strbuf_addf(&kernel, "int line_%d;\n", i);
    fixture_experiment(&f, JUDGE_WIN, kernel.data);
    r = fixture_open(&f);
    data = rows_report(r);
    a = json_array_get(json_object_get(data, "attempts"), 0);
    diff = json_string_value(json_object_get(a, "diff"));
    cr_assert(json_is_true(json_object_get(a, "diff_cut")));
    cr_assert_leq(strlen(diff), REPORT_DIFF_BYTES);
    cr_assert_eq(diff[strlen(diff) - 1], '\n');
    cr_assert_eq(json_integer_value(json_object_get(a, "added")), 8000);
    json_decref(data);
    ratchet_close(&r);
    strbuf_deinit(&kernel);
}

Test(report_data, reads_each_row_once_and_only_new_ones_later)
{
    struct ratchet *r = fixture_open(&f);
    struct report *report = NULL;
    json_t *data = NULL;

    cr_assert_eq(report_open(r, &report), 0);
    cr_assert_eq(report_data(report, &data), 0);
    cr_assert_eq(json_array_size(json_object_get(data, "attempts")), 0);
    json_decref(data);
    rows_add(r, "WIN", "first", "", 0.1);
    cr_assert_eq(report_data(report, &data), 0);
    cr_assert_eq(json_array_size(json_object_get(data, "attempts")), 1);
    json_decref(data);
    rows_add(r, "LOSS", "second", "", -0.1);
    cr_assert_eq(report_data(report, &data), 0);
    cr_assert_eq(json_array_size(json_object_get(data, "attempts")), 2);
    cr_assert(near(real_of(view_of(data, "mix"), "level"), 0.1));
    json_decref(data);
    report_close(&report);
    ratchet_close(&r);
}

Test(report_data, a_case_that_a_win_did_not_measure_stays_out)
{
    json_t *cases = json_pack("[{s:s,s:s,s:f},{s:s,s:s,s:f}]", "name", "old", "op", "a", "weight",
                              0.5, "name", "new", "op", "a", "weight", 0.5);
    json_t *attempts =
        json_pack("[{s:i,s:s,s:s,s:s,s:[[i,f,f,f]]},{s:i,s:s,s:s,s:s,s:[[i,f,f,f],[i,f,f,f]]}]",
                  "experiment", 1, "verdict", "WIN", "focus", "", "features", "all", "cases", 0,
                  0.1, 0.1, 0.1, "experiment", 2, "verdict", "WIN", "focus", "a", "features", "all",
                  "cases", 0, 0.2, 0.1, 0.3, 1, 0.9, 0.9, 0.9);
    json_t *views = report_views(attempts, cases);
    const json_t *mix = json_array_get(views, 0);

    cr_assert(near(real_of(mix, "level"), 0.3), "%g", real_of(mix, "level"));
    cr_assert_eq(json_array_size(json_object_get(mix, "left_out")), 1);
    cr_assert(near(point(mix, 1, 3), 0.1 / 1.959964));
    json_decref(views);
    json_decref(attempts);
    json_decref(cases);
}

static const char cumulative[] =
    "# ratchet audit --cumulative, commit 0123456, 2026-11-21, a machine\n"
    "HEAD 0123456789ab against the first kernel 123456789abc (parent of experiment 1): 2 wins, 10 "
    "units\n"
    "  case                         measured, 95 % interval    product of the claims      honesty\n"
    "  gemv-q4_k                    1.19 x (1.14 .. 1.24)      1.39 x (1.34 .. 1.44)      0.856 "
    "(0.810 .. 0.904)   unchanged in 19 with another focus\n"
    "  gemv-q8_0                    1.2 x (1.18 .. 1.22)       1 x (0.992 .. 1.01)        1.195 "
    "(1.172 .. 1.218)   does not compare: not measured in 2 wins\n"
    "  total, by weight             2.28 x (2.25 .. 2.31)      2.27 x (2.23 .. 2.3)       1.007 "
    "(0.988 .. 1.026)   \n"
    "  remark     experiment 23 won <b>elsewhere</b>\n"
    "honesty ratio 1.007 (0.988 .. 1.026): the wins add up\n";

Test(report_data, reads_the_newest_cumulative_audit_of_the_tree)
{
    struct ratchet *r;
    json_t *data;
    const json_t *c;

    fixture_write(&f, "profiles/2026-01-01-old/cumulative.txt", "# of old\n");
    fixture_write(&f, "profiles/2026-11-21-machine/cumulative.txt", cumulative);
    r = fixture_open(&f);
    data = rows_report(r);
    c = json_object_get(data, "cumulative");
    cr_assert_str_eq(json_string_value(json_object_get(c, "file")),
                     "profiles/2026-11-21-machine/cumulative.txt");
    cr_assert_eq(json_array_size(json_object_get(c, "cases")), 2);
    cr_assert_eq(json_integer_value(json_object_get(c, "wins")), 2);
    cr_assert(near(
        json_number_value(json_array_get(json_object_get(json_object_get(c, "total"), "ratio"), 2)),
        1.026));
    cr_assert(
        json_is_false(json_object_get(json_array_get(json_object_get(c, "cases"), 1), "compares")));
    cr_assert_eq(json_array_size(json_object_get(c, "remarks")), 1);
    json_decref(data);
    ratchet_close(&r);
}

Test(report_data, finds_the_audit_below_a_folder_of_any_name)
{
    char root[128];
    json_t *c;

    fixture_write(&f, "[a]*/profiles/2026-11-21-m/cumulative.txt", cumulative);
    fixture_write(&f, "[a]*/profiles/2026-11-22-m/trace.txt", "none of ours");
    snprintf(root, sizeof root, "%s/[a]*/", f.repo);
    c = report_cumulative(root);
    cr_assert_str_eq(json_string_value(json_object_get(c, "file")),
                     "profiles/2026-11-21-m/cumulative.txt");
    json_decref(c);
}

Test(report_data, has_nothing_to_say_of_what_is_not_there)
{
    struct ratchet *r = fixture_open(&f);
    json_t *data = rows_report(r);

    cr_assert(json_is_null(json_object_get(data, "cumulative")));
    cr_assert(json_is_null(json_object_get(data, "roofline")));
    cr_assert(json_is_null(json_object_get(json_object_get(data, "calibration"), "on_record")));
    cr_assert_eq(json_array_size(json_object_get(data, "views")), 0);
    json_decref(data);
    ratchet_close(&r);
}
