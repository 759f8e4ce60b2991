/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibration with simulated experiments, and calibrations on record. */
#include "judge/rule/calibrate.h"
#include "judge/rule/calibration.h"
#include "judge/rule/rule.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/judge/world.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A machine for controls. */
struct bench {
    struct world world;
    double null_gain; /* a bias that a sound machine has not */
    bool blind_to_5;  /* slow-downs pass unseen */
    uint32_t n, fail_at;
    uint32_t n_told;
};

static int carry_out(void *ctx, const struct judge_control *c, struct judge_trial *out)
{
    struct bench *b = ctx;
    double effect = log1p(c->effect);

    if (++b->n == b->fail_at)
        return err_set(ERR_IO, "the power went");
    if (c->kind == JUDGE_CONTROL_SLOWED)
        effect = b->blind_to_5 ? 0.02 : -effect;
    else if (c->kind != JUDGE_CONTROL_SPED)
        effect = b->null_gain;
    b->world.gain[0] = b->world.gain[1] = effect;
    b->world.n_open = b->world.n_close = 0;
    b->world.progress[0] = '\0';
    *out = world_try(&b->world, &(struct judge_options){0}, NULL);
    return 0;
}

static void tell(void *ctx, const json_t *experiment, uint32_t i, uint32_t n)
{
    struct bench *b = ctx;

    cr_expect_not_null(json_object_get(experiment, "verdict"));
    cr_expect(i >= 1 && i <= n);
    b->n_told++;
}

static json_t *run_bench(struct bench *b, uint32_t n, const char *partial)
{
    const struct calibrate_source source = {b, carry_out, tell};
    json_t *all = NULL;
    int rc;

    b->world = quiet_world(0);
    rc = calibrate_run(&source, n, 1, "20260101T000000Z", partial, &all);
    cr_assert_eq(rc, b->fail_at ? ERR_IO : 0, "%s", err_message());
    return all;
}

/* State of this test alone. */
static void own_state(char dir[32])
{
    snprintf(dir, 32, "/tmp/calibrate-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    setenv("XDG_STATE_HOME", dir, 1);
}

Test(calibrate, a_plan_of_forty_answers_what_is_asked)
{
    struct judge_control plan[40], again[40], other[40];
    int kinds[JUDGE_CONTROL_SPED + 1] = {0}, two_slower = 0, three_faster = 0;

    calibrate_plan(40, 7, plan);
    calibrate_plan(40, 7, again);
    calibrate_plan(40, 8, other);
    cr_expect_eq(memcmp(plan, again, sizeof plan), 0);
    cr_expect_neq(memcmp(plan, other, sizeof plan), 0);
    for (int i = 0; i < 40; i++) {
        kinds[plan[i].kind]++;
        two_slower += plan[i].kind == JUDGE_CONTROL_SLOWED && plan[i].effect == 0.02;
        three_faster += plan[i].kind == JUDGE_CONTROL_SPED && plan[i].effect == 0.03;
    }
    cr_expect_eq(kinds[JUDGE_CONTROL_NONE], 0);
    for (int k = JUDGE_CONTROL_IDENTICAL; k <= JUDGE_CONTROL_REALLOCATED; k++)
        cr_expect_eq(kinds[k], 6);
    cr_expect_eq(kinds[JUDGE_CONTROL_SLOWED], 6);
    cr_expect_geq(two_slower, 3);
    cr_expect_geq(three_faster, 10);
}

Test(calibrate, a_short_plan_has_of_everything)
{
    struct judge_control plan[8];
    int kinds[JUDGE_CONTROL_SPED + 1] = {0};

    calibrate_plan(8, 3, plan);
    for (int i = 0; i < 8; i++)
        kinds[plan[i].kind]++;
    for (int k = JUDGE_CONTROL_IDENTICAL; k <= JUDGE_CONTROL_SPED; k++)
        cr_expect_geq(kinds[k], 1);
}

Test(calibrate, a_sound_machine_is_fit, .timeout = 120)
{
    struct bench b = {.fail_at = 0};
    struct calibrate_report r;
    json_t *all = run_bench(&b, 40, NULL);

    cr_assert_eq(calibrate_report(all, 20000, 2, &r), 0, "%s", err_message());
    cr_expect_eq(b.n_told, 40);
    cr_expect(r.fit, "%s", r.why);
    cr_expect_eq(r.null.n, 18);
    cr_expect_eq(r.null.wins, 0);
    cr_expect_eq(r.slowed.wins, 0);
    cr_expect_geq(r.sped_3.wins * 10, r.sped_3.n * 9);
    cr_expect_float_eq(r.live_bound, 0.15332, 1e-5);
    cr_expect_eq(r.replay.wins, 0);
    cr_expect_lt(r.replay_bound, 2e-4);
    cr_expect(r.unit_noise > 0.004 && r.unit_noise < 0.012, "%g", r.unit_noise);
    cr_expect(r.case_noise[0] > 0.013 && r.case_noise[0] < 0.027, "%g", r.case_noise[0]);
    cr_expect(r.mde > 0.003 && r.mde < 0.03, "%g", r.mde);
    cr_expect_lt(fabs(r.lag1),
                 0.35); /* stages of some ten units: their own mean biases it by -1/n */
    cr_expect_lt(r.shift_sd, 0.003);
    cr_expect_gt(r.sign_p, 0.001);
    cr_expect_gt(r.wilcoxon_p, 0.001);
    for (size_t i = 1; i < SIMULATE_N_POWERS; i++)
        cr_expect_geq(r.power[i].wins, r.power[i - 1].wins);
    cr_expect(json_is_true(json_object_get(all, "complete")));
    json_decref(all);
}

Test(calibrate, a_bias_makes_the_machine_unfit_and_shows_in_the_symmetry, .timeout = 120)
{
    struct bench b = {.null_gain = 0.02};
    struct calibrate_report r;
    json_t *all = run_bench(&b, 12, NULL);

    cr_assert_eq(calibrate_report(all, 2000, 2, &r), 0);
    cr_expect_not(r.fit);
    cr_expect_gt(r.null.wins, 0);
    cr_expect_gt(r.live_low, RULE_ALPHA);
    cr_expect_not_null(strstr(r.why, "without an effect won"), "%s", r.why);
    cr_expect_gt(r.replay.wins, 0);
    cr_expect_lt(r.sign_p, 1e-6);
    cr_expect_lt(r.wilcoxon_p, 1e-6);
    json_decref(all);
}

Test(calibrate, slow_downs_that_pass_make_the_machine_unfit, .timeout = 120)
{
    struct bench b = {.blind_to_5 = true};
    struct calibrate_report r;
    json_t *all = run_bench(&b, 8, NULL);

    cr_assert_eq(calibrate_report(all, 2000, 2, &r), 0);
    cr_expect_not(r.fit);
    cr_expect_not_null(strstr(r.why, "slow-downs"), "%s", r.why);
    json_decref(all);
}

Test(calibrate, an_interrupted_run_keeps_its_experiments_and_is_no_calibration, .timeout = 120)
{
    struct bench b = {.fail_at = 4};
    struct judge_calibration c;
    struct strbuf text = {0};
    char dir[32], path[PATH_MAX], partial[PATH_MAX + 16];
    size_t lines = 0;

    own_state(dir);
    cr_assert_eq(calibration_path("20260101T000000Z", path), 0, "%s", err_message());
    snprintf(partial, sizeof partial, "%s.partial", path);
    cr_expect_null(run_bench(&b, 10, partial));
    cr_assert_eq(file_read(partial, &text), 0);
    for (const char *p = text.data; *p; p++)
        lines += *p == '\n';
    cr_expect_eq(lines, 3);
    cr_expect_eq(judge_calibration_load(&c), 0);
    strbuf_deinit(&text);
    file_remove_tree(dir);
}

/* Give the experiments for which `which` holds another verdict. */
static void rewrite(json_t *all, bool (*which)(const json_t *), enum judge_verdict v)
{
    json_t *e;
    size_t i;

    json_array_foreach(json_object_get(all, "experiments"), i, e)
    {
        if (which(e))
            json_object_set_new(e, "verdict", json_string(judge_verdict_name(v)));
    }
}

static bool is_null(const json_t *e)
{
    return json_is_true(json_object_get(e, "null"));
}

static bool is_slowed(const json_t *e)
{
    return !strcmp(json_string_value(json_object_get(e, "kind")), "slowed");
}

static bool is_slowed_5(const json_t *e)
{
    return is_slowed(e) && json_number_value(json_object_get(e, "effect")) > 0.04;
}

/* A moment of contradicting peaks is no slow-down that passed; a calibration of such moments, or
 * without a slow-down, is none. */
Test(calibrate, what_could_not_be_judged_counts_for_nothing, .timeout = 120)
{
    struct bench b = {.fail_at = 0};
    struct calibrate_report r;
    json_t *all = run_bench(&b, 40, NULL);

    rewrite(all, is_slowed_5, JUDGE_UNFIT_MACHINE);
    cr_assert_eq(calibrate_report(all, 2000, 2, &r), 0, "%s", err_message());
    cr_expect(r.fit, "%s", r.why);
    cr_expect_eq(r.n_unjudged, 1);
    cr_expect_eq(r.slowed.n, 5);
    rewrite(all, is_slowed, JUDGE_UNFIT_MACHINE);
    cr_assert_eq(calibrate_report(all, 2000, 2, &r), 0);
    cr_expect(!r.fit && strstr(r.why, "no slow-down"), "%s", r.why);
    rewrite(all, is_null, JUDGE_UNFIT_MACHINE);
    cr_assert_eq(calibrate_report(all, 2000, 2, &r), 0);
    cr_expect(!r.fit && strstr(r.why, "24 of 40 controls could not be judged"), "%s", r.why);
    cr_expect_eq(r.null.n, 0);
    cr_expect_eq(r.live_bound, 1);
    json_decref(all);
}

/* A few live experiments may all end well by luck; their units tell. */
Test(calibrate, replays_that_win_make_the_machine_unfit, .timeout = 120)
{
    struct bench b = {.null_gain = 0.02};
    struct calibrate_report r;
    json_t *all = run_bench(&b, 12, NULL);

    rewrite(all, is_null, JUDGE_INCONCLUSIVE);
    cr_assert_eq(calibrate_report(all, 2000, 2, &r), 0);
    cr_expect(!r.fit && strstr(r.why, "replays"), "%s", r.why);
    json_decref(all);
}

/* --- on record --- */

static json_t *summary(bool complete, double mde)
{
    return json_pack("{s:b, s:s, s:[], s:[], s:{s:b, s:s, s:f, s:f, s:i, s:i, s:f, s:f}}",
                     "complete", (int)complete, "date", "20260101T000000Z", "cases", "experiments",
                     "summary", "fit", 1, "why", "", "unit_noise", 0.011, "mde", mde, "n_null", 18,
                     "n_null_wins", 0, "live_bound", 0.15, "replay_bound", 3e-5);
}

static void keep(const char *date, bool complete, double mde)
{
    json_t *all = summary(complete, mde);
    char path[PATH_MAX];

    cr_assert_eq(calibration_path(date, path), 0);
    cr_assert_eq(calibration_save(path, all), 0, "%s", err_message());
    json_decref(all);
}

Test(calibrate, the_newest_of_this_machine_and_judge_is_loaded)
{
    struct judge_calibration c;
    char dir[32], path[PATH_MAX], foreign[PATH_MAX + 8], *base;

    own_state(dir);
    cr_expect_eq(judge_calibration_load(&c), 0);
    keep("20260102T000000Z", true, 0.012);
    keep("20260101T000000Z", true, 0.02);
    /* Another machine's, and newer. */
    cr_assert_eq(calibration_path("20270101T000000Z", path), 0);
    base = strrchr(path, '/');
    snprintf(foreign, sizeof foreign, "%.*s/000000000000%s", (int)(base - path), path, base + 13);
    cr_assert_eq(file_write_atomic(foreign, "{}", 2), 0);
    cr_assert_eq(judge_calibration_load(&c), 1, "%s", err_message());
    cr_expect_float_eq(c.mde, 0.012, 1e-12);
    cr_expect(c.fit);
    cr_expect_eq(c.n_null, 18);
    cr_expect_not_null(strstr(c.path, "20260102"));
    file_remove_tree(dir);
}

Test(calibrate, another_judges_calibration_gives_units_but_no_margin)
{
    struct judge_calibration c;
    char dir[32], path[PATH_MAX], other[PATH_MAX + 8], found[PATH_MAX], *base;
    json_t *all;

    own_state(dir);
    cr_assert_eq(calibration_path("20270101T000000Z", path), 0);
    base = strrchr(path, '/');
    snprintf(other, sizeof other, "%.*s000000000000%s", (int)(base + 14 - path), path, base + 26);
    all = summary(true, 0.01);
    cr_assert_eq(calibration_save(other, all), 0);
    json_decref(all);
    cr_expect_eq(judge_calibration_load(&c), 0);
    cr_assert_eq(calibration_newest(true, &all, found), 1, "%s", err_message());
    cr_expect_str_eq(found, other);
    json_decref(all);
    file_remove_tree(dir);
}

Test(calibrate, half_a_file_is_an_error_that_names_it)
{
    struct judge_calibration c;
    char dir[32], path[PATH_MAX];

    own_state(dir);
    keep("20260102T000000Z", false, 0.012);
    cr_expect_eq(judge_calibration_load(&c), ERR_FORMAT);
    cr_expect_not_null(strstr(err_message(), "20260102T000000Z.json"));
    cr_assert_eq(calibration_path("20260103T000000Z", path), 0);
    cr_assert_eq(file_write_atomic(path, "{\"complete\":tr", 14), 0);
    cr_expect_eq(judge_calibration_load(&c), ERR_FORMAT);
    file_remove_tree(dir);
}

Test(calibrate, units_come_back_as_they_were_recorded, .timeout = 120)
{
    struct bench b = {.fail_at = 0};
    json_t *all = run_bench(&b, 8, NULL), *e;
    struct noise_record u;
    size_t i, n = 0;

    json_array_foreach(json_object_get(all, "experiments"), i,
                       e) if (json_is_true(json_object_get(e, "null"))) n +=
        json_array_size(json_array_get(json_object_get(e, "stages"), 0));
    cr_assert_eq(calibration_units(all, &u), 1, "%s", err_message());
    cr_expect_eq(u.n_units, n);
    cr_expect_gt(u.n_cases, 5);
    cr_expect_gt(u.run[u.n_units - 1], 1);
    cr_expect(fabs(u.d[0]) > 0 && fabs(u.d[0]) < 0.2);
    noise_record_deinit(&u);
    json_decref(all);
}
