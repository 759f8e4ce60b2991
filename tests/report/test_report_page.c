/* SPDX-License-Identifier: Apache-2.0
 *
 * The page as bytes, and as a browser sees it. */
#include "ratchet/report/report_page.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "tests/report/report_browser.h"
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

TestSuite(report_page, .init = setup, .fini = teardown);

/* As in a build that could not have d3. */
static struct report_assets without_charts(void)
{
    struct report_assets a = report_assets_built;

    a.plot = a.plot_license = "";
    a.plot_missing = "npm is not installed";
    return a;
}

/* Number of places where `needle` stands. */
static int count(const char *text, const char *needle)
{
    int n = 0;

    for (const char *p = text; (p = strstr(p, needle)); p++)
        n++;
    return n;
}

Test(report_page, loads_nothing_and_names_all_that_may_run)
{
    struct report_assets plain = without_charts();
    struct ratchet *r = fixture_open(&f);
    struct strbuf page = {0};
    json_t *data;

    rows_add(r, "WIN", HOSTILE, "", 0.1);
    data = rows_report(r);
    cr_assert_eq(report_page(data, &plain, false, &page), 0);
    cr_assert(strstr(page.data,
                     "content=\"default-src 'none'; base-uri 'none'; form-action 'none'; "
                     "style-src 'sha256-"));
    cr_assert(strstr(page.data, "connect-src 'none'\""));
    cr_assert_eq(count(page.data, "unsafe-"), 0);
    cr_assert_eq(count(page.data, "http:") + count(page.data, "https:"), 1,
                 "SVG's name space alone looks like an address");
    cr_assert_eq(count(page.data, "<link") + count(page.data, "@import") + count(page.data, "url("),
                 0);
    cr_assert_eq(count(page.data, "</script"), 3, "the island and two scripts");
    cr_assert_eq(count(page.data, "owned"), 2, "the hypothesis, once, as data");
    cr_assert_eq(count(page.data, "{{"), 1, "its braces mean nothing");
    strbuf_deinit(&page);
    cr_assert_eq(report_page(data, &plain, true, &page), 0);
    cr_assert(strstr(page.data, "connect-src 'self'\""));
    strbuf_deinit(&page);
    json_decref(data);
    ratchet_close(&r);
}

Test(report_page, carries_the_licence_of_what_it_carries)
{
    if (!*report_assets_built.plot)
        cr_skip_test("charts were left out of this build: %s", report_assets_built.plot_missing);
    cr_assert(strstr(report_assets_built.plot_license, "Permission to use, copy, modify"));
    cr_assert_null(strstr(report_assets_built.plot, "</script"));
    cr_assert_null(strstr(report_assets_built.plot, "<!--"));
}

static void page_write(struct ratchet *r, const struct report_assets *assets, const char *name)
{
    struct strbuf page = {0};
    json_t *data = rows_report(r);
    char path[128];

    snprintf(path, sizeof path, "%s/%s.html", f.dir, name);
    cr_assert_eq(report_page(data, assets, false, &page), 0, "%s", err_message());
    cr_assert_eq(file_write_atomic(path, page.data, page.len), 0, "%s", err_message());
    json_decref(data);
    strbuf_deinit(&page);
}

static void calibration_set(void)
{
    f.calibrated = 1;
    f.calibration = (struct judge_calibration){.date = "20261121T100904Z",
                                               .fit = true,
                                               .unit_noise = 0.0075,
                                               .mde = 0.013,
                                               .n_null = 18,
                                               .live_bound = 0.15,
                                               .replay_bound = 3e-5};
    snprintf(f.calibration.path, sizeof f.calibration.path, "%s/calibration.json", f.dir);
    fixture_write(&f, "../calibration.json",
                  "{\"summary\":{\"replays\":100000,\"replay_wins\":0,\"power\":["
                  "{\"effect\":0.005,\"attempts\":2000,\"wins\":3,\"median_units\":0},"
                  "{\"effect\":0.02,\"attempts\":2000,\"wins\":1990,\"median_units\":30}]}}");
}

Test(report_page, works_in_a_browser, .timeout = 600)
{
    struct report_assets plain = without_charts();
    struct ratchet *r = fixture_open(&f);

    page_write(r, &report_assets_built, "empty");
    ratchet_close(&r);
    calibration_set();
    fixture_experiment(&f, JUDGE_LOSS, "/* " HOSTILE " */\nint kernel_fn = 2;\n");
    fixture_write(&f, "kernel/kernel.c", "int kernel_fn = 3;\n// " HOSTILE "\n");
    cr_assert_eq(fixture_try(&f, HOSTILE, NULL), 0, "%s", err_message());
    fixture_write(&f, "profiles/2026-11-21-m/cumulative.txt",
                  "# " HOSTILE "\n  total, by weight  2 x (1.9 .. 2.1) 2 x (1.9 .. 2.1) 1 (0.9 .. "
                  "1.1)\n  remark " HOSTILE "\n");
    r = fixture_open(&f);
    rows_campaign(r, 20);
    rows_add(r, "WIN", HOSTILE, "gemm", 0.2);
    rows_add(r, "SEAL", "the sealed sources changed", "", NAN);
    rows_campaign(r, 20);
    page_write(r, &report_assets_built, "full");
    page_write(r, &plain, "plain");
    rows_add_foreign(r);
    page_write(r, &report_assets_built, "foreign");
    rows_campaign(r, 2000 - (int)ledger_count(r->ledger));
    page_write(r, &report_assets_built, "many");
    ratchet_close(&r);
    browser_check(f.dir, NULL);
}
