/* SPDX-License-Identifier: Apache-2.0
 *
 * A trial on simulated units: the timed cases of the shipped problem with times that the simulation
 * chooses, so that every way through the stages is walked without a process or a clock. */
#include "judge/rule/trial.h"
#include "judge/machine/roofline.h"
#include "judge/rule/rule.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"
#include "tests/judge/sandbox.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the simulated machine and candidate do. Effects are log ratios, > 0 is faster. */
struct world {
    struct rng rng;
    double gain[2];  /* of every case, [first stage, confirmation] */
    double odd_gain; /* replaces gain for the case `odd` when odd != NULL */
    const char *odd; /* name prefix of a case */
    double noise;    /* standard deviation of a unit's effect per case */
    double scale;    /* all times over a plausible one; 1 = honest */
    double tail[2];  /* share of the candidate's slices that take twice as long, [stage] */
    double steal;
    uint32_t fail_at;    /* unit of the first stage that fails, from 1; 0 = none */
    bool implausible[4]; /* of the n-th peak measurement */
    uint32_t n_peaks, n_open, n_close, n_units[2];
    uint64_t shapes_seed[2];
    char progress[8192];
};

/* A machine of round numbers, so that honest times can be derived from floors. */
static struct judge_peaks round_peaks(void)
{
    struct judge_peaks p = {.n_threads = {1, 2},
                            .cache_bytes = {32 << 10, 1 << 20, 32 << 20},
                            .level_bytes = {16 << 10, 512 << 10, 8 << 20, 512u << 20},
                            .read_gbps = {{400, 100, 30, 10}, {800, 200, 50, 15}},
                            .f32_gflops = {100, 200},
                            .int8_gops = {400, 800},
                            .fastest_gbps = {400, 100, 30, 10},
                            .fastest_f32 = {100, 200},
                            .fastest_int8 = {400, 800},
                            .int8_to_f32 = 4,
                            .f32_loop = "f32",
                            .int8_loop = "int8",
                            .bf16_loop = "none",
                            .plausible = true};

    return p;
}

static int world_open(void *ctx, uint64_t shapes_seed, void **pair)
{
    struct world *w = ctx;

    if (w->n_open < 2)
        w->shapes_seed[w->n_open] = shapes_seed;
    w->n_open++;
    *pair = w;
    return 0;
}

static void world_close(void **pair)
{
    struct world *w = *pair;

    w->n_close++;
    *pair = NULL;
}

static int world_peaks(void *ctx, struct judge_peaks *out)
{
    struct world *w = ctx;

    *out = round_peaks();
    if (w->implausible[w->n_peaks++ % 4]) {
        out->plausible = false;
        snprintf(out->doubt, sizeof out->doubt, "simulated doubt");
    }
    return 0;
}

/* One event that is counted and one that is not, distinct for each stage and case. */
static int world_count(void *pair, struct judge_counts *out)
{
    static const struct counters_event events[] = {
        {"hops", {"x"}, 64}, {"skips", {"y"}, 0}, {NULL, {NULL}, 0}};
    struct world *w = pair;

    *out = (struct judge_counts){.events = {.event = events, .n = 2, .reason = {"", "no legs"}}};
    for (size_t i = 0; i < UNIT_MAX_CASES; i++)
        out->per_request[i][0] = (double)(100 * w->n_open + i);
    return 0;
}

/* Twice the floor of the round machine: no cheat and no wonder. */
static double honest_ns(const struct problem_case *c)
{
    struct judge_peaks p = round_peaks();
    struct roofline_point point;

    cr_assert_eq(roofline_locate(&p, c, roofline_working_set(c), 1, &point), 0);
    return 2 * point.floor_ns;
}

static void world_case(struct world *w, int stage, const struct problem_case *c,
                       struct judge_unit_case *out)
{
    bool odd = w->odd && !strncmp(c->name, w->odd, strlen(w->odd));

    out->c = c;
    out->requests = 100;
    out->d = (odd ? w->odd_gain : w->gain[stage]) + w->noise * rng_normal(&w->rng);
    for (int q = 0; q < UNIT_QUADS; q++)
        for (int s = 0; s < UNIT_SLICES; s++) {
            bool candidate = (s == 0 || s == 3) == (q % 2 == 0);
            double ns = w->scale * honest_ns(c) * exp(0.01 * rng_normal(&w->rng));

            if (candidate) {
                ns *= exp(-out->d);
                ns *= rng_uniform(&w->rng) < w->tail[stage] ? 2 : 1;
            }
            out->candidate[q][s] = candidate;
            out->ns[q][s] = ns;
        }
}

static int world_unit(void *pair, uint64_t seed, struct judge_unit *out,
                      enum judge_verdict *verdict, char *message)
{
    struct world *w = pair;
    int stage = w->n_open > 1;

    w->n_units[stage]++;
    memset(out, 0, sizeof *out);
    out->seed = seed;
    out->steal_share = w->steal;
    if (stage == 0 && w->fail_at && w->n_units[0] == w->fail_at) {
        *verdict = JUDGE_FAIL_CRASH;
        snprintf(message, 512, "the candidate was killed by signal 11");
        return UNIT_FAILED;
    }
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (problem_shipped.cases[i].weight > 0)
            world_case(w, stage, &problem_shipped.cases[i], &out->cases[out->n_cases++]);
    return UNIT_DONE;
}

static void world_progress(void *ctx, const struct judge_progress *p)
{
    struct world *w = ctx;
    size_t used = strlen(w->progress);

    snprintf(w->progress + used, sizeof w->progress - used, "%s\n", p->text);
}

static struct world quiet_world(double gain)
{
    struct world w = {.gain = {gain, gain}, .noise = 0.02, .scale = 1, .steal = 0.01};

    rng_init(&w.rng, 7);
    return w;
}

static struct judge_trial run_world(struct world *w, const char *focus, uint32_t max_units)
{
    const struct trial_source source = {w,           world_open,  world_unit,
                                        world_close, world_peaks, world_count};
    struct judge_options o = {.focus = focus,
                              .seed = 42,
                              .max_units = max_units,
                              .progress = world_progress,
                              .progress_ctx = w};
    struct judge_trial t = {.seed = 42};

    cr_assert_eq(trial_measure(&source, &o, &t), 0, "%s", err_message());
    cr_assert_eq(w->n_open, w->n_close);
    cr_assert_not_null(t.details);
    fprintf(stderr, "trial: %s: %s | %s\n", judge_verdict_name(t.verdict), t.reason, t.next);
    return t;
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

Test(trial, peaks_are_measured_twice_before_the_machine_is_called_unfit)
{
    struct world w = quiet_world(0.03);
    struct judge_trial t;

    w.implausible[0] = true;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_WIN);
    judge_trial_deinit(&t);
    w = quiet_world(0.03);
    w.implausible[0] = w.implausible[1] = true;
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
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_CHEAT);
    cr_expect_eq(w.n_peaks, 2);
    judge_trial_deinit(&t);
}

Test(trial, nobody_is_accused_on_peaks_that_contradict_themselves)
{
    struct world w = quiet_world(0.03);
    struct judge_trial t;

    w.scale = 0.01;
    w.implausible[1] = w.implausible[2] = true;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_UNFIT_MACHINE);
    cr_expect_eq(w.n_peaks, 3);
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
    cr_expect_not_null(strstr(t.reason, "others took 20 %"));
    judge_trial_deinit(&t);
}

/* A gain in one operation alone is lost in the whole and found with the focus on it. */
Test(trial, focus_puts_the_weight_on_one_operation)
{
    struct world w = quiet_world(0);
    struct judge_trial t;

    w.odd = "rms_norm";
    w.odd_gain = 0.05;
    t = run_world(&w, NULL, 0);
    cr_expect_eq(t.verdict, JUDGE_LOSS);
    cr_expect_not_null(strstr(t.next, "--focus rms_norm"));
    judge_trial_deinit(&t);
    w = quiet_world(0);
    w.odd = "rms_norm";
    w.odd_gain = 0.05;
    t = run_world(&w, "rms_norm", 0);
    cr_expect_eq(t.verdict, JUDGE_WIN);
    judge_trial_deinit(&t);
}

Test(trial, an_unknown_focus_is_refused)
{
    struct world w = quiet_world(0);
    const struct trial_source source = {&w,          world_open,  world_unit,
                                        world_close, world_peaks, world_count};
    struct judge_options o = {.focus = "juggling"};
    struct judge_trial t = {0};

    cr_expect_eq(trial_measure(&source, &o, &t), ERR_USAGE);
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

    for (uint32_t run = 0; run < runs; run++) {
        enum judge_verdict v;
        char message[512];

        for (int u = 0; u < 20; u++)
            world_unit(&w, 1, &units[u], &v, message);
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
