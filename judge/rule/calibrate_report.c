/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/calibrate.h"

#include "judge/measure/slices.h"
#include "judge/rule/calibration.h"
#include "judge/rule/clopper_pearson.h"
#include "judge/rule/rule.h"
#include "reference/base/err.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL    0.95
#define MDE_STEP 0.001
#define MDE_MOST 0.1
#define MDE_WINS 0.9
enum { POWER_CAMPAIGNS = 100, MDE_CAMPAIGNS = 25, REPLAY_SEED = 1 };

/* --- live --- */

static bool is_kind(const json_t *e, enum judge_control_kind kind, double effect)
{
    const char *name = json_string_value(json_object_get(e, "kind"));

    return name && !strcmp(name, calibration_kind_name(kind)) &&
           (effect == 0 || fabs(json_number_value(json_object_get(e, "effect")) - effect) < 1e-9);
}

static bool is_verdict(const char *verdict, enum judge_verdict v)
{
    return !strcmp(verdict, judge_verdict_name(v));
}

static void rate_add(struct calibrate_rate *r, const char *verdict)
{
    r->n++;
    r->wins += is_verdict(verdict, JUDGE_WIN);
}

/* A control that could not be judged (peaks that contradicted themselves, say) shows neither that
 * the rule is right nor that it is wrong: it counts apart. */
static void live_report(const json_t *all, struct calibrate_report *r)
{
    const json_t *e;
    size_t i;

    json_array_foreach(json_object_get(all, "experiments"), i, e)
    {
        const char *verdict = json_string_value(json_object_get(e, "verdict"));

        verdict = verdict ? verdict : "";
        r->n_controls++;
        if (!is_verdict(verdict, JUDGE_WIN) && !is_verdict(verdict, JUDGE_LOSS) &&
            !is_verdict(verdict, JUDGE_INCONCLUSIVE)) {
            r->n_unjudged++;
            continue;
        }
        if (json_is_true(json_object_get(e, "null")))
            rate_add(&r->null, verdict);
        if (is_kind(e, JUDGE_CONTROL_SLOWED, 0))
            rate_add(&r->slowed, verdict);
        if (is_kind(e, JUDGE_CONTROL_SPED, 0.03))
            rate_add(&r->sped_3, verdict);
        if (is_kind(e, JUDGE_CONTROL_SPED, 0.02))
            rate_add(&r->sped_2, verdict);
        if (is_kind(e, JUDGE_CONTROL_SLOWED, 0.05)) {
            r->n_slowed_5++;
            r->n_slowed_5_lost += is_verdict(verdict, JUDGE_LOSS);
        }
    }
    r->live_low = clopper_pearson_lower(r->null.wins, r->null.n, LEVEL);
    r->live_bound = clopper_pearson_upper(r->null.wins, r->null.n, LEVEL);
}

/* --- units --- */

static double unit_d(const struct noise_record *u, size_t k)
{
    double sum = 0;

    for (size_t i = 0; i < u->n_cases; i++)
        sum += u->weight[i] * u->d[k * u->n_cases + i];
    return sum;
}

/* Overwrites x [n]. */
static double robust_sd(double *x, size_t n)
{
    double middle;

    slices_sort(x, n);
    middle = x[n / 2];
    for (size_t k = 0; k < n; k++)
        x[k] = fabs(x[k] - middle);
    slices_sort(x, n);
    return 1.4826 * x[n / 2];
}

static void noise_report(const struct noise_record *u, double *scratch, struct calibrate_report *r)
{
    for (size_t i = 0; i < u->n_cases; i++) {
        for (size_t k = 0; k < u->n_units; k++)
            scratch[k] = u->d[k * u->n_cases + i];
        r->case_noise[i] = robust_sd(scratch, u->n_units);
    }
    for (size_t k = 0; k < u->n_units; k++)
        scratch[k] = unit_d(u, k);
    r->unit_noise = robust_sd(scratch, u->n_units);
}

/* Lag-1 autocorrelation within stages, and how far the stages' means differ beyond the scatter of
 * their units (method of moments). A stage stops when it has seen enough, which moves its mean: so
 * the shift is, if anything, too large. D [n_units]. */
static void stage_report(const struct noise_record *u, const double *d, struct calibrate_report *r)
{
    double products = 0, squares = 0, mean_sum = 0, mean_squares = 0, own = 0, n_runs = 0;

    for (size_t from = 0, to; from < u->n_units; from = to) {
        double sum = 0, s2 = 0, n, mean;

        for (to = from; to < u->n_units && u->run[to] == u->run[from]; to++)
            sum += d[to];
        n = (double)(to - from);
        mean = sum / n;
        for (size_t k = from; k < to; k++) {
            s2 += (d[k] - mean) * (d[k] - mean);
            products += k > from ? (d[k] - mean) * (d[k - 1] - mean) : 0;
        }
        squares += s2;
        if (n < 2)
            continue;
        mean_sum += mean;
        mean_squares += mean * mean;
        own += s2 / (n - 1) / n;
        n_runs++;
    }
    r->lag1 = squares > 0 ? products / squares : 0;
    if (n_runs >= 2) {
        double between = (mean_squares - mean_sum * mean_sum / n_runs) / (n_runs - 1);

        r->shift_sd = sqrt(fmax(0, between - own / n_runs));
    }
}

static double normal_two_sided(double z)
{
    return erfc(fabs(z) / sqrt(2));
}

static int compare_magnitude(const void *a, const void *b)
{
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);

    return (x > y) - (x < y);
}

/* A/A units against their mirror image: sign test and Wilcoxon's signed ranks, both by the normal
 * approximation with its continuity correction. Overwrites d. */
static void symmetry_report(double *d, size_t n, struct calibrate_report *r)
{
    double ranks = 0, half = (double)n / 2, quarter = (double)n * ((double)n + 1) / 4;
    double ranks_sd = sqrt(quarter * (2 * (double)n + 1) / 6);

    qsort(d, n, sizeof *d, compare_magnitude);
    for (size_t k = 0; k < n; k++)
        if (d[k] > 0) {
            ranks += (double)(k + 1);
            r->n_up++;
        }
    r->n_units = (uint32_t)n;
    r->sign_p = normal_two_sided(fmax(0, fabs(r->n_up - half) - 0.5) / sqrt((double)n / 4));
    r->wilcoxon_p = normal_two_sided(fmax(0, fabs(ranks - quarter) - 0.5) / ranks_sd);
}

static int units_report(const struct noise_record *u, struct calibrate_report *r)
{
    double *d = malloc(2 * u->n_units * sizeof *d);

    if (!d)
        return err_set(ERR_NOMEM, "%zu units", u->n_units);
    noise_report(u, d + u->n_units, r);
    for (size_t k = 0; k < u->n_units; k++)
        d[k] = unit_d(u, k);
    stage_report(u, d, r);
    symmetry_report(d, u->n_units, r);
    free(d);
    return 0;
}

/* --- replays --- */

/* The power is that of an effect known exactly: each case's mean is taken out first. */
static void units_centre(struct noise_record *u)
{
    for (size_t i = 0; i < u->n_cases; i++) {
        double mean = 0;

        for (size_t k = 0; k < u->n_units; k++)
            mean += u->d[k * u->n_cases + i] / (double)u->n_units;
        for (size_t k = 0; k < u->n_units; k++)
            u->d[k * u->n_cases + i] -= mean;
    }
}

/* At the rule's own margin: half of it is the margin of trials. */
static int mde_report(const struct simulate_world *w, uint32_t n_threads,
                      struct calibrate_report *r)
{
    struct simulate_tally t;

    for (double effect = w->margin + MDE_STEP; effect <= MDE_MOST; effect += MDE_STEP) {
        struct simulate_arm arm = {.effect = effect};

        TRY(simulate_arm_run(w, &arm, MDE_CAMPAIGNS, REPLAY_SEED, n_threads, &t));
        if ((double)t.wins >= MDE_WINS * (double)t.attempts) {
            r->mde = effect;
            return 0;
        }
    }
    return 0;
}

/* At the margin that trials will have. */
static int power_report(const struct simulate_world *w, uint32_t n_threads,
                        struct calibrate_report *r)
{
    struct simulate_world trials = *w;

    TRY(mde_report(w, n_threads, r));
    trials.margin = fmax(w->margin, r->mde / 2);
    for (size_t i = 0; i < SIMULATE_N_POWERS; i++) {
        struct simulate_arm arm = {.effect = simulate_powers[i]};

        TRY(simulate_arm_run(&trials, &arm, POWER_CAMPAIGNS, REPLAY_SEED + 1 + i, n_threads,
                             &r->power[i]));
    }
    return 0;
}

/* Replays for the bound take the units as they were recorded; see noise_unit. */
static int replay_report(struct noise_record *u, uint32_t replays, uint32_t n_threads,
                         struct calibrate_report *r)
{
    struct simulate_world w = {.model = NOISE_REPLAY,
                               .n_cases = u->n_cases,
                               .weight = u->weight,
                               .record = u,
                               .margin = RULE_MARGIN_MIN};
    const struct simulate_arm nothing = {0};

    u->shift_sd = r->shift_sd;
    TRY(simulate_arm_run(&w, &nothing, (replays + SIMULATE_ATTEMPTS - 1) / SIMULATE_ATTEMPTS,
                         REPLAY_SEED, n_threads, &r->replay));
    r->replay_bound = clopper_pearson_upper(r->replay.wins, r->replay.attempts, LEVEL);
    units_centre(u);
    return power_report(&w, n_threads, r);
}

/* --- fit or not --- */

static void fit_report(struct calibrate_report *r)
{
    char *why = r->why;
    size_t bytes = sizeof r->why;

    if (!r->n_units)
        snprintf(why, bytes, "no experiment without an effect was measured");
    else if (r->live_low > RULE_ALPHA)
        snprintf(why, bytes,
                 "%u of %u experiments without an effect won: at least %.2g of all would (95 %%), "
                 "and %.2g may",
                 r->null.wins, r->null.n, r->live_low, RULE_ALPHA);
    else if (clopper_pearson_lower(r->replay.wins, r->replay.attempts, LEVEL) > RULE_ALPHA)
        snprintf(why, bytes, "%llu of %llu replays of units without an effect won, and %.2g may",
                 (unsigned long long)r->replay.wins, (unsigned long long)r->replay.attempts,
                 RULE_ALPHA);
    else if (2 * r->n_unjudged > r->n_controls)
        snprintf(why, bytes, "%u of %u controls could not be judged", r->n_unjudged, r->n_controls);
    else if (!r->slowed.n)
        snprintf(why, bytes, "no slow-down was judged: more experiments are needed");
    else if (r->slowed.wins)
        snprintf(why, bytes, "%u of %u slow-downs won", r->slowed.wins, r->slowed.n);
    else if (r->n_slowed_5_lost < r->n_slowed_5)
        snprintf(why, bytes, "%u of %u slow-downs of 5 %% did not lose",
                 r->n_slowed_5 - r->n_slowed_5_lost, r->n_slowed_5);
    else if (r->unit_noise > RULE_NOISE_LIMIT)
        snprintf(why, bytes, "units scatter by %.1f %%, the limit is %.0f %%", r->unit_noise * 100,
                 RULE_NOISE_LIMIT * 100);
    else if (r->mde == 0)
        snprintf(why, bytes, "not even an effect of %.0f %% is found in 9 of 10 trials",
                 MDE_MOST * 100);
    r->fit = !why[0];
}

static json_t *summary_json(const struct calibrate_report *r, size_t n_cases)
{
    json_t *power = json_array(), *noise = json_array(), *o;

    for (size_t i = 0; i < SIMULATE_N_POWERS; i++)
        json_array_append_new(power, json_pack("{s:f, s:I, s:I, s:i}", "effect", simulate_powers[i],
                                               "attempts", (json_int_t)r->power[i].attempts, "wins",
                                               (json_int_t)r->power[i].wins, "median_units",
                                               (int)simulate_median(r->power[i].win_units)));
    for (size_t i = 0; i < n_cases; i++)
        json_array_append_new(noise, json_real(r->case_noise[i]));
    o = json_pack("{s:b, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:o, s:f, s:o}",
                  "fit", (int)r->fit, "why", r->why, "n_null", (int)r->null.n, "n_null_wins",
                  (int)r->null.wins, "n_slowed", (int)r->slowed.n, "n_slowed_wins",
                  (int)r->slowed.wins, "n_sped_3", (int)r->sped_3.n, "n_sped_3_wins",
                  (int)r->sped_3.wins, "n_sped_2", (int)r->sped_2.n, "n_sped_2_wins",
                  (int)r->sped_2.wins, "live_bound", r->live_bound, "live_low", r->live_low,
                  "power", power, "mde", r->mde, "case_noise", noise);
    json_object_update_new(
        o,
        json_pack("{s:f, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:i, s:i}", "replay_bound",
                  r->replay_bound, "replays", (json_int_t)r->replay.attempts, "replay_first",
                  (json_int_t)r->replay.first, "replay_wins", (json_int_t)r->replay.wins,
                  "unit_noise", r->unit_noise, "lag1", r->lag1, "shift_sd", r->shift_sd,
                  "wilcoxon_p", r->wilcoxon_p, "n_units", (int)r->n_units, "n_up", (int)r->n_up));
    json_object_set_new(o, "sign_p", json_real(r->sign_p));
    json_object_set_new(o, "n_unjudged", json_integer(r->n_unjudged));
    return o;
}

int calibrate_report(json_t *all, uint32_t replays, uint32_t n_threads,
                     struct calibrate_report *out)
{
    struct noise_record units;
    int rc;

    memset(out, 0, sizeof *out);
    out->replay_bound = 1;
    live_report(all, out);
    rc = calibration_units(all, &units);
    TRY(rc);
    if (rc) {
        rc = units_report(&units, out);
        if (rc == 0)
            rc = replay_report(&units, replays, n_threads, out);
    }
    if (rc == 0) {
        fit_report(out);
        json_object_set_new(all, "summary", summary_json(out, units.n_cases));
        json_object_set_new(all, "complete", json_true());
    }
    noise_record_deinit(&units);
    return rc;
}
