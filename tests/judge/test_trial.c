/* SPDX-License-Identifier: Apache-2.0
 *
 * Every way through a trial, on simulated units (world.h); and the gates of judge_try. */
#include "judge/rule/calibration.h"
#include "judge/rule/rule.h"
#include "judge/rule/trial.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "tests/judge/sandbox.h"
#include "tests/judge/world.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct judge_trial run_world(struct world *w, const char *focus, uint32_t max_units)
{
    const struct judge_options o = {.focus = focus, .max_units = max_units};

    return world_try(w, &o, NULL);
}

Test(trial, a_gain_is_confirmed_on_fresh_shapes_and_wins)
{
    struct world w = quiet_world(0.03);
    struct judge_trial t = run_world(&w, NULL, 0);

    cr_expect_eq(t.verdict, JUDGE_WIN);
    cr_expect_eq(w.n_open, 2);
    cr_expect_eq(w.shapes_seed[0], 0);
    cr_expect_neq(w.shapes_seed[1], 0);
    cr_expect_eq(t.n_units, w.n_units[0]);
    cr_expect_eq(t.n_confirm_units, w.n_units[1]);
    cr_expect(t.evidence >= 1 / RULE_ALPHA && t.evidence_confirm >= 1 / RULE_ALPHA_CONFIRM);
    cr_expect(t.low < 0.03 && 0.03 < t.high && t.low > 0);
    cr_expect_float_eq(t.margin, RULE_MARGIN_MIN, 1e-12);
    cr_expect_not_null(strstr(w.progress, "unit 1: D "));
    judge_trial_deinit(&t);
}

Test(trial, the_published_estimate_is_the_confirmations_alone)
{
    struct world w = quiet_world(0.10);
    struct judge_trial t;

    w.gain[1] = 0.03;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_WIN);
    cr_expect_float_eq(t.first_estimate, 0.10, 0.01);
    cr_expect_float_eq(t.estimate, 0.03, 0.01);
    judge_trial_deinit(&t);
}

Test(trial, no_change_is_given_up_without_confirmation)
{
    struct world w = quiet_world(0);
    struct judge_trial t = run_world(&w, NULL, 0);

    cr_expect_eq(t.verdict, JUDGE_LOSS);
    cr_expect_eq(w.n_open, 1);
    cr_expect_eq(t.n_confirm_units, 0);
    cr_expect(t.evidence_loss >= 1 / RULE_BETA);
    cr_expect_not_null(strstr(t.reason, "no gain"));
    judge_trial_deinit(&t);
}

Test(trial, a_slow_down_says_slower)
{
    struct world w = quiet_world(log(0.95));
    struct judge_trial t = run_world(&w, NULL, 0);

    cr_expect_eq(t.verdict, JUDGE_LOSS);
    cr_expect(t.high < 0);
    cr_expect_not_null(strstr(t.reason, "slower"));
    judge_trial_deinit(&t);
}

Test(trial, a_harmed_case_is_named)
{
    struct world w = quiet_world(0.015);
    struct judge_trial t;

    w.odd = "rms_norm";
    w.odd_gain = log(0.9);
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_LOSS);
    cr_expect_not_null(strstr(t.reason, "rms_norm: slower by"));
    cr_expect_not_null(strstr(t.next, "look at rms_norm first"));
    judge_trial_deinit(&t);
}

Test(trial, a_gain_that_confirmation_does_not_see_is_a_near_miss)
{
    struct world w = quiet_world(0.03);
    struct judge_trial t;

    w.gain[1] = 0;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_INCONCLUSIVE);
    cr_expect(t.n_confirm_units > 0);
    judge_trial_deinit(&t);
}

Test(trial, a_rare_catastrophe_fails_the_confirmation)
{
    struct world w = quiet_world(0.06);
    struct judge_trial t;

    w.tail[1] = 0.04;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_INCONCLUSIVE);
    cr_expect_not_null(strstr(t.reason, "slowest slices"));
    judge_trial_deinit(&t);
    w = quiet_world(0.06);
    w.tail[1] = 0.5;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_INCONCLUSIVE);
    cr_expect_not_null(strstr(t.reason, "total time"));
    judge_trial_deinit(&t);
}

Test(trial, the_cap_leaves_it_open)
{
    struct world w = quiet_world(0.02);
    struct judge_trial t = run_world(&w, NULL, 6);

    cr_expect_eq(t.verdict, JUDGE_INCONCLUSIVE);
    cr_expect_eq(t.n_units, 6);
    judge_trial_deinit(&t);
}

Test(trial, a_crash_while_timed_is_the_verdict)
{
    struct world w = quiet_world(0.03);
    struct judge_trial t;

    w.fail_at = 1;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_FAIL_CRASH);
    cr_expect_eq(t.n_cases, 0);
    cr_expect_not_null(strstr(t.reason, "signal 11"));
    judge_trial_deinit(&t);
    w = quiet_world(0.03);
    w.fail_at = 5;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_FAIL_CRASH);
    cr_expect_eq(t.n_units, 4);
    cr_expect_not_null(strstr(t.next, "judge check"));
    judge_trial_deinit(&t);
}

Test(trial, absurd_noise_makes_the_machine_unfit)
{
    struct world w = quiet_world(0);
    struct judge_trial t;

    w.noise = 1;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_UNFIT_MACHINE);
    cr_expect_eq(t.n_units, RULE_NOISE_MIN_UNITS);
    judge_trial_deinit(&t);
}

Test(trial, peaks_are_measured_again_before_the_machine_is_called_unfit)
{
    struct world w = quiet_world(0.03);
    struct judge_trial t;

    for (int i = 0; i < RULE_PEAK_TRIES; i++)
        w.implausible[i] = true;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_WIN);
    judge_trial_deinit(&t);
    w = quiet_world(0.03);
    for (int i = 0; i <= RULE_PEAK_TRIES; i++)
        w.implausible[i] = true;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_UNFIT_MACHINE);
    cr_expect_eq(w.n_units[0], 0);
    cr_expect_not_null(strstr(t.reason, "simulated doubt"));
    judge_trial_deinit(&t);
}

Test(trial, faster_than_the_machine_is_a_cheat)
{
    struct world w = quiet_world(0.03);
    struct judge_trial t;

    w.scale = 0.01;
    w.incumbent_honest = true;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_CHEAT);
    cr_expect_eq(w.n_peaks, 1 + RULE_PEAK_TRIES);
    judge_trial_deinit(&t);
}

Test(trial, nobody_is_accused_when_the_incumbent_is_as_fast)
{
    struct world w = quiet_world(0.03);
    struct judge_trial t;

    w.scale = 0.01;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_UNFIT_MACHINE);
    judge_trial_deinit(&t);
}

Test(trial, nobody_is_accused_on_peaks_that_contradict_themselves)
{
    struct world w = quiet_world(0.03);
    struct judge_trial t;

    w.scale = 0.01;
    w.incumbent_honest = true;
    for (int i = 1; i <= RULE_PEAK_TRIES; i++)
        w.implausible[i] = true;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_UNFIT_MACHINE);
    cr_expect_eq(w.n_peaks, 1 + RULE_PEAK_TRIES);
    judge_trial_deinit(&t);
}

/* A neighbour held the bandwidth down while the peaks were measured, twice. */
Test(trial, peaks_that_were_too_low_alarm_nobody)
{
    struct world w = quiet_world(0);
    struct judge_trial t;

    w.slow_peaks = 4;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_LOSS);
    cr_expect_eq(w.n_peaks, 3);
    judge_trial_deinit(&t);
}

Test(trial, what_is_wrong_on_drawn_cases_never_gets_to_its_confirmation)
{
    struct world w = quiet_world(0.03);
    struct judge_trial t;

    w.hidden = JUDGE_FAIL_CORRECTNESS;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_FAIL_CORRECTNESS);
    cr_expect_eq(w.n_units[1], 0);
    cr_expect_neq(w.check_seed, 0);
    cr_expect_not_null(strstr(t.reason, "a drawn case is wrong"));
    cr_expect_not_null(strstr(t.next, "repeats it"), "%s", t.next);
    judge_trial_deinit(&t);
}

/* Under the floor and above what L2 could deliver: either the peaks or the pool are not what they
 * seem. */
Test(trial, under_the_floor_is_an_unfit_machine)
{
    struct world w = quiet_world(0);
    struct judge_trial t;

    w.odd = "gemv";
    w.odd_gain = log(2 * 1.6);
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_UNFIT_MACHINE);
    cr_expect_not_null(strstr(t.reason, "gemv"));
    judge_trial_deinit(&t);
}

Test(trial, a_disturbed_machine_is_mentioned)
{
    struct world w = quiet_world(0);
    struct judge_trial t;

    w.steal = 0.2;
    t = run_world(&w, NULL, 0);
    cr_expect_not_null(strstr(t.reason, "other guests took 20 % of the processors"));
    cr_expect_float_eq(t.steal_share, 0.2, 1e-9);
    judge_trial_deinit(&t);
    w = quiet_world(0);
    w.disturbed = 0.31;
    t = run_world(&w, NULL, 0);
    cr_expect_not_null(strstr(t.reason, "other processes used 31 % of the processors"));
    cr_expect_float_eq(t.disturbed_share, 0.31, 1e-9);
    judge_trial_deinit(&t);
    w = quiet_world(0);
    w.disturbed = w.steal = RULE_DISTURBED_MENTION;
    t = run_world(&w, NULL, 0);
    cr_expect_null(strstr(t.reason, "disturbed"));
    judge_trial_deinit(&t);
}

/* A gain in one operation alone is lost in the whole and found with the focus on it. */
Test(trial, focus_puts_the_weight_on_one_operation)
{
    struct world w = quiet_world(0);
    struct judge_trial t;

    w.odd = "rms_norm";
    w.odd_gain = 0.1;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_LOSS);
    cr_expect_not_null(strstr(t.next, "--focus rms_norm"));
    judge_trial_deinit(&t);
    w = quiet_world(0);
    w.odd = "rms_norm";
    w.odd_gain = 0.1;
    t = run_world(&w, "rms_norm", 0);
    cr_expect_eq(t.verdict, JUDGE_WIN);
    judge_trial_deinit(&t);
}

Test(trial, focus_may_be_one_case)
{
    struct world w = quiet_world(0);
    struct judge_trial t;

    w.odd = "gemm-q4_k-n8";
    w.odd_gain = 0.1;
    t = run_world(&w, "gemm-q4_k-n8", 0);
    cr_expect_eq(t.verdict, JUDGE_WIN);
    cr_expect_float_eq(t.estimate, 0.1, 0.01);
    judge_trial_deinit(&t);
    cr_expect_eq(judge_focus_check("gemm-q4_k-n8"), 0);
    cr_expect_eq(judge_focus_check("gemm-q4_k"), ERR_USAGE);
}

Test(trial, an_unknown_focus_is_refused)
{
    struct world w = quiet_world(0);
    const struct trial_source source = world_source(&w);
    struct judge_options o = {.focus = "juggling"};
    struct judge_trial t = {0};

    cr_expect_eq(trial_measure(&source, &o, NULL, &t), ERR_USAGE);
    cr_expect_eq(w.n_open, w.n_close);
    judge_trial_deinit(&t);
}

/* The simulated candidate takes twice the floor, so the mix is at half the roof. */
Test(trial, the_score_is_utilisation_over_latency)
{
    struct world w = quiet_world(0);
    struct judge_trial t;
    double latency_ms = 0, weight = 0;

    w.noise = 0.005;
    t = run_world(&w, NULL, 0);
    for (size_t i = 0; i < t.n_cases; i++) {
        latency_ms += t.cases[i].c->weight * t.cases[i].candidate_ns * 1e-6;
        weight += t.cases[i].c->weight;
        cr_expect_float_eq(t.cases[i].utilisation, 0.5, 0.02, "%s", t.cases[i].c->name);
    }
    cr_expect_float_eq(weight, 1, 1e-9);
    cr_expect_float_eq(t.latency_ms / latency_ms, 1, 1e-9);
    cr_expect_float_eq(t.score, t.utilisation * 100 * 100 / t.latency_ms, 1e-6);
    judge_trial_deinit(&t);
}

Test(trial, details_hold_every_slice)
{
    struct world w = quiet_world(0.03);
    struct judge_trial t = run_world(&w, NULL, 0);
    json_t *stages = json_object_get(t.details, "stages"), *units, *first, *one;
    char *text;

    cr_assert_eq(json_array_size(stages), 2);
    units = json_object_get(json_array_get(stages, 0), "units");
    cr_assert_eq(json_array_size(units), t.n_units);
    first = json_array_get(units, 0);
    cr_expect_eq(strlen(json_string_value(json_object_get(first, "seed"))), 16);
    cr_assert_eq(json_array_size(json_object_get(first, "cases")), t.n_cases);
    one = json_array_get(json_object_get(first, "cases"), 0);
    cr_expect_eq(json_array_size(json_object_get(one, "ns")), UNIT_QUADS * UNIT_SLICES);
    cr_expect_str_eq(json_string_value(json_object_get(one, "order")), "CIICICCICIIC");
    cr_expect_eq(json_array_size(json_object_get(t.details, "cases")), t.n_cases);
    cr_expect_not_null(json_object_get(t.details, "rule"));
    cr_expect_not_null(json_object_get(t.details, "peaks"));
    cr_expect_str_eq(json_string_value(json_object_get(t.details, "verdict")), "WIN");
    text = json_dumps(t.details, JSON_COMPACT);
    cr_expect_not_null(text);
    free(text);
    judge_trial_deinit(&t);
}

/* Guards on their own: equal sides pass nearly always, a tail and a slower total do not. */
Test(trial, guards_pass_equal_sides)
{
    uint32_t failed_tail = 0, failed_total = 0;
    const uint32_t runs = 60;
    static struct judge_unit units[20];
    double weight[UNIT_MAX_CASES];
    struct slices_guard g;
    struct world w = quiet_world(0.02);
    const struct trial_source source = world_source(&w);

    for (uint32_t run = 0; run < runs; run++) {
        enum judge_verdict v;
        char message[512];

        for (int u = 0; u < 20; u++)
            source.unit(&w, 1, &units[u], &v, message);
        cr_assert_eq(trial_weights(&units[0], NULL, weight), 0);
        cr_assert_eq(slices_guard_check(units, 20, weight, &g), 0);
        failed_tail += !g.tail_ok;
        failed_total += !g.total_ok;
    }
    cr_expect_leq(failed_tail, 2);
    cr_expect_leq(failed_total, 2);
}

/* --- the gates of judge_try, with real builds --- */

/* Judge `candidate` (text before the tiny kernel) against the tiny kernel. */
static struct judge_trial try_tiny(const char *candidate)
{
    struct sandbox box[2];
    struct judge_build *build[2];
    struct judge_trial t;

    for (int i = 0; i < 2; i++) {
        sandbox_init(&box[i]);
        sandbox_tiny(&box[i], i ? candidate : "");
        build[i] = sandbox_build(&box[i]);
    }
    cr_assert_eq(judge_try(build[1], build[0], &box[1].options, &t), 0, "%s", err_message());
    for (int i = 0; i < 2; i++) {
        judge_build_close(&build[i]);
        sandbox_deinit(&box[i]);
    }
    fprintf(stderr, "trial: %s: %s | %s\n", judge_verdict_name(t.verdict), t.reason, t.next);
    cr_assert_not_null(t.details);
    cr_assert_eq(t.n_units, 0);
    return t;
}

Test(trial, a_comment_is_the_same_code, .timeout = 120)
{
    struct judge_trial t = try_tiny("/* faster, I hope */");

    cr_expect_eq(t.verdict, JUDGE_SAME_CODE);
    cr_expect_eq(strlen(t.code_key), 64);
    judge_trial_deinit(&t);
}

Test(trial, what_does_not_compile_fails_to_build, .timeout = 120)
{
    struct judge_trial t = try_tiny("this is not C;");

    cr_expect_eq(t.verdict, JUDGE_FAIL_BUILD);
    cr_expect_not_null(strstr(t.reason, "error"));
    judge_trial_deinit(&t);
}

Test(trial, what_is_not_correct_is_not_measured, .timeout = 120)
{
    struct judge_trial t =
        try_tiny("#define AFTER if (team->rank == 0) ((float *)call->out[0].data)[4] *= 1.001f");

    cr_expect_eq(t.verdict, JUDGE_FAIL_CORRECTNESS);
    cr_expect_not_null(strstr(t.reason, "--seed 1,"), "%s", t.reason);
    cr_expect_not_null(strstr(t.next, "--seed 1 repeats it"), "%s", t.next);
    cr_expect_gt(t.check.n_cases, 0);
    judge_trial_deinit(&t);
}

/* What was shown of the same code stays on record when a later try ends at the check; a try without
 * a past leaves the margin that the next one starts with. */
Test(trial, the_check_forgets_no_evidence, .timeout = 120)
{
    struct sandbox box[2];
    struct judge_build *build[2];
    struct judge_trial t;
    json_t *past, *after;
    char key[SHA256_HEX];

    for (int i = 0; i < 2; i++) {
        sandbox_init(&box[i]);
        sandbox_tiny(&box[i], i ? "#define AFTER if (team->rank == 0) "
                                  "((float *)call->out[0].data)[4] *= 1.001f"
                                : "");
        build[i] = sandbox_build(&box[i]);
    }
    cr_assert_eq(judge_evidence_key(build[1], build[0], &box[1].options, key), 0);
    past = json_pack("{s:s, s:f, s:b, s:s, s:s, s:[{s:i, s:b, s:[i,i], s:[i,i], s:[f,f], s:[[i,i]],"
                     " s:[[i,i]], s:[[f,f]]}]}",
                     "key", key, "margin", 0.007, "closed", 0, "verdict", "INCONCLUSIVE", "reason",
                     "", "stages", "units", 3, "accepted", 0, "accept", 1, 2, "give_up", 2, 1, "d",
                     0.5, 0.25, "veto", 3, 0, "floor", 3, 0, "cases", 0.5, 0.25);
    cr_assert_not_null(past);
    for (int i = 0; i < 2; i++) {
        box[1].options.evidence = i ? past : NULL;
        cr_assert_eq(judge_try(build[1], build[0], &box[1].options, &t), 0, "%s", err_message());
        cr_expect_eq(t.verdict, JUDGE_FAIL_CORRECTNESS);
        after = json_object_get(t.details, "evidence");
        cr_expect_float_eq(json_number_value(json_object_get(after, "margin")),
                           i ? 0.007 : RULE_MARGIN_MIN, 1e-12);
        cr_expect_eq(json_array_size(json_object_get(after, "stages")), (size_t)i);
        cr_expect(!i ||
                  json_equal(json_object_get(past, "stages"), json_object_get(after, "stages")));
        judge_trial_deinit(&t);
    }
    for (int i = 0; i < 2; i++) {
        judge_build_close(&build[i]);
        sandbox_deinit(&box[i]);
    }
    json_decref(past);
}

/* A calibration that went wrong ends every trial before it costs anything. */
Test(trial, an_unfit_machine_judges_nobody, .timeout = 120)
{
    char dir[] = "/tmp/trial-XXXXXX", path[PATH_MAX];
    struct judge_trial t;
    json_t *all = json_pack("{s:b, s:s, s:{s:b, s:s}}", "complete", 1, "date", "20260101T000000Z",
                            "summary", "fit", 0, "why", "the bench wobbles");

    cr_assert_not_null(mkdtemp(dir));
    setenv("XDG_STATE_HOME", dir, 1);
    cr_assert_eq(calibration_path("20260101T000000Z", path), 0);
    cr_assert_eq(calibration_save(path, all), 0);
    t = try_tiny("#define AFTER if (team->rank == 9) ((float *)call->out[0].data)[4] *= 1.001f");
    cr_expect_eq(t.verdict, JUDGE_UNFIT_MACHINE);
    cr_expect_not_null(strstr(t.reason, "the bench wobbles"), "%s", t.reason);
    cr_expect_eq(t.check.n_cases, 0);
    cr_expect(json_is_null(json_object_get(t.details, "evidence")));
    judge_trial_deinit(&t);
    json_decref(all);
    file_remove_tree(dir);
}

Test(trial, details_carry_the_counters_of_the_published_stage)
{
    struct world w = quiet_world(0.03);
    struct judge_trial t = run_world(&w, NULL, 0);
    const json_t *cases = json_object_get(t.details, "cases");

    cr_assert_eq(t.verdict, JUDGE_WIN);
    cr_assert_gt(json_array_size(cases), 1);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_object_get(json_array_get(cases, i), "counters");

        cr_expect_float_eq(json_real_value(json_object_get(c, "hops")), 200 + (double)i, 1e-9);
        cr_expect_float_eq(json_real_value(json_object_get(json_object_get(c, "bytes"), "hops")),
                           64 * (200 + (double)i), 1e-9);
        cr_expect_str_eq(json_string_value(json_object_get(c, "skips")), "unavailable: no legs");
        cr_expect_null(json_object_get(c, "ipc"));
    }
    judge_trial_deinit(&t);
}
