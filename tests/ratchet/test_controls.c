/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ratchet/ratchet_fixture.h"

#include "judge/rule/rule.h"
#include "ratchet/try/controls.h"
#include "reference/base/err.h"

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

TestSuite(controls, .init = setup, .fini = teardown);

static void calibrate(bool fit, double mde)
{
    f.calibrated = 1;
    f.calibration = (struct judge_calibration){.path = "/somewhere/private/calibration-1.json",
                                               .date = "2026-01-31T23:59:59Z",
                                               .fit = fit,
                                               .unit_noise = 0.012,
                                               .mde = mde,
                                               .n_null = 40,
                                               .live_bound = 0.072,
                                               .replay_bound = 3e-5};
    snprintf(f.calibration.why, sizeof f.calibration.why, "%s",
             fit ? "" : "a 5 %% slow-down passed");
}

/* The detail record of row n; the caller decrefs. */
static json_t *record_of(int64_t n)
{
    struct ratchet *r = fixture_open(&f);
    struct strbuf text = {0};
    json_t *json;

    cr_assert_eq(ledger_details(r->ledger, n, &text), 1);
    json = json_loads(text.data, 0, NULL);
    cr_assert(json);
    strbuf_deinit(&text);
    ratchet_close(&r);
    return json;
}

static double number_of(const json_t *o, const char *key)
{
    cr_assert(json_is_number(json_object_get(o, key)), "%s", key);
    return json_number_value(json_object_get(o, key));
}

Test(controls, give_each_row_the_calibration_that_held)
{
    json_t *first, *second, *c;
    char text[512];

    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    calibrate(true, 0.016);
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    fixture_experiment(&f, JUDGE_WIN, FIXTURE_FASTER);
    first = record_of(1);
    second = record_of(3);
    cr_assert_null(json_object_get(first, "calibration"));
    c = json_object_get(second, "calibration");
    cr_assert_str_eq(json_string_value(json_object_get(c, "verdict")), "FIT");
    cr_assert_str_eq(json_string_value(json_object_get(c, "file")), "calibration-1.json");
    cr_assert_float_eq(number_of(c, "live_bound"), 0.072, 1e-12);
    cr_assert_eq(fixture_audit(&f, text), 0, "%s", text);
    json_decref(first);
    json_decref(second);
}

Test(controls, make_the_margin_of_a_trial)
{
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    cr_assert_float_eq(f.margin, RULE_MARGIN_MIN, 1e-12);
    calibrate(true, 0.016);
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    cr_assert_float_eq(f.margin, 0.008, 1e-12);
    calibrate(true, 0.001);
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    cr_assert_float_eq(f.margin, RULE_MARGIN_MIN, 1e-12);
    calibrate(true, 0); /* nothing was found in 9 of 10 */
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    cr_assert_float_eq(f.margin, RULE_MARGIN_MIN, 1e-12);
}

Test(controls, refuse_a_try_on_a_machine_found_unfit_and_lose_nothing)
{
    struct ratchet_try_options dry = {.hypothesis = "does it build", .dry_run = true};
    struct ratchet_result res;
    struct ratchet *r;

    calibrate(false, 0.016);
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "slow-down passed"), "%s", err_message());
    cr_assert(strstr(err_message(), "judge calibrate"), "%s", err_message());
    cr_assert_eq(f.n_trials, 0);
    cr_assert_eq(fixture_rows(&f), 0);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", FIXTURE_FASTER));
    r = fixture_open(&f);
    cr_assert_eq(ratchet_try(r, &dry, &res), 0, "%s", err_message());
    cr_assert_eq(f.n_trials, 1);
    ratchet_result_deinit(&res);
    ratchet_close(&r);
}

Test(controls, say_so_when_the_calibration_cannot_be_read)
{
    f.calibrated = ERR_FORMAT;
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), ERR_FORMAT);
    cr_assert(strstr(err_message(), "judge calibrate"), "%s", err_message());
    cr_assert_eq(fixture_rows(&f), 0);
}

static void line_says(const json_t *calibration, const char *want)
{
    struct strbuf line = {0};

    controls_line(calibration, &line);
    cr_assert(strstr(line.data, want), "'%s' should be in: %s", want, line.data);
    cr_assert_null(strchr(line.data, '\n'));
    strbuf_deinit(&line);
}

Test(controls, read_as_one_line)
{
    json_t *c;

    line_says(NULL, "no calibration on record: run judge calibrate; margin 0.3 %");
    calibrate(true, 0.016);
    c = controls_json(&f.calibration);
    line_says(c, "FIT, 2026-01-31T23:59:59Z: margin 0.8 %");
    line_says(c, "0 of 40 known null changes won, so at most 7.2 % live, 0.003 % by replay");
    json_decref(c);
    calibrate(false, 0);
    c = controls_json(&f.calibration);
    line_says(c, "UNFIT");
    line_says(c, "slow-down passed; margin 0.3 %, no effect is found in 9 of 10");
    json_decref(c);
}

Test(controls, bound_false_wins_over_attempts_and_not_over_seals)
{
    struct ratchet *r;
    struct strbuf line = {0};

    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    fixture_experiment(&f, JUDGE_FAIL_BUILD, FIXTURE_FASTER);
    fixture_write(&f, "judge/judge.c", "int stricter;\n");
    fixture_git(&f, "commit -qam stricter", NULL);
    fixture_rehash(&f);
    f.verdict = JUDGE_LOSS;
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), 0, "%s", err_message());
    r = fixture_open(&f);
    cr_assert_eq(ledger_count(r->ledger), 4);
    cr_assert_eq(controls_attempts(r->ledger), 3);
    cr_assert_float_eq(controls_false_wins(3), 3 * RULE_ALPHA * RULE_ALPHA_CONFIRM, 1e-15);
    cr_assert_float_eq(controls_false_wins(100000000), 1, 1e-15);
    controls_campaign_line(3, &line);
    cr_assert(strstr(line.data, "at most 3e-05 (3 x 0.001 x 0.01)"), "%s", line.data);
    strbuf_deinit(&line);
    ratchet_close(&r);
}
