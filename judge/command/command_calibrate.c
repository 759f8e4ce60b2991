/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/command/command.h"

#include "judge/rule/calibrate.h"
#include "judge/rule/calibration.h"
#include "judge/rule/rule.h"
#include "judge/rule/trial.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct calibrating {
    const struct command_line *c;
    struct judge_build *build;
};

/* One control through the trial that every candidate goes through, with inputs and plan of its own.
 */
static int carry_out(void *ctx, const struct judge_control *control, struct judge_trial *out)
{
    const struct calibrating *s = ctx;
    struct judge_options o = s->c->o;

    o.control = *control;
    o.margin = RULE_MARGIN_MIN;
    o.seed = 0;
    return judge_try(s->build, s->build, &o, out);
}

static double number_of(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void tell(void *ctx, const json_t *e, uint32_t i, uint32_t n)
{
    const struct calibrating *s = ctx;
    double effect = number_of(e, "effect");
    char kind[48];

    command_progress_clear();
    snprintf(kind, sizeof kind, effect > 0 ? "%s %.1f %%" : "%s",
             json_string_value(json_object_get(e, "kind")), effect * 100);
    fprintf(s->c->json ? stderr : stdout,
            "%3u/%u  %-14s %-13s D %+5.1f %% [%+.1f, %+.1f]  %3.0f + %.0f units  %3.0f s\n", i, n,
            kind, json_string_value(json_object_get(e, "verdict")),
            trial_percent(number_of(e, "estimate")), trial_percent(number_of(e, "low")),
            trial_percent(number_of(e, "high")), number_of(e, "units"),
            number_of(e, "confirm_units"), number_of(e, "seconds"));
    fflush(stdout);
}

static void print_live(const struct calibrate_report *r)
{
    printf("\nlive: %u of %u experiments without an effect won; the true share is between %.2g and "
           "%.2g (Clopper-Pearson, 95 %% each)\n",
           r->null.wins, r->null.n, r->live_low, r->live_bound);
    printf("      %u of %u slow-downs won; of 5 %%: %u of %u lost\n", r->slowed.wins, r->slowed.n,
           r->n_slowed_5_lost, r->n_slowed_5);
    if (r->n_unjudged)
        printf("      %u of %u controls could not be judged and count for nothing\n", r->n_unjudged,
               r->n_controls);
    printf("      %u of %u speed-ups of 3 %% won, %u of %u of 2 %%\n", r->sped_3.wins, r->sped_3.n,
           r->sped_2.wins, r->sped_2.n);
}

static void print_replays(const struct calibrate_report *r)
{
    printf("replay of their %u units: %llu of %llu replays won (first stage: %llu); at most %.2g "
           "would (95 %%)\n",
           r->n_units, (unsigned long long)r->replay.wins, (unsigned long long)r->replay.attempts,
           (unsigned long long)r->replay.first, r->replay_bound);
    printf("power by replay at the margin of trials, as share of wins and median units of a win:\n"
           "     ");
    for (size_t i = 0; i < SIMULATE_N_POWERS; i++)
        printf(" %.1f %%: %.0f %% in %u%s", simulate_powers[i] * 100,
               100 * (double)r->power[i].wins / (double)r->power[i].attempts,
               simulate_median(r->power[i].win_units), i + 1 < SIMULATE_N_POWERS ? ";" : "\n");
    if (r->mde > 0)
        printf(
            "smallest effect found in 9 of 10 at a margin of %.1f %%: %.1f %%; margin of trials: "
            "%.2f %%\n",
            RULE_MARGIN_MIN * 100, r->mde * 100, 100 * fmax(RULE_MARGIN_MIN, r->mde / 2));
}

static void print_noise(const struct calibrate_report *r, const json_t *cases)
{
    const json_t *one;
    size_t i;

    printf("noise of a unit: D %.2f %%; from stage to stage %.2f %% beyond it; autocorrelation "
           "%+.2f\n",
           r->unit_noise * 100, r->shift_sd * 100, r->lag1);
    json_array_foreach(cases, i, one)
        printf("      %-24s %.1f %%\n", json_string_value(json_object_get(one, "name")),
               r->case_noise[i] * 100);
    printf("symmetry of the units about 0: %u of %u up (p = %.2g), Wilcoxon p = %.2g\n", r->n_up,
           r->n_units, r->sign_p, r->wilcoxon_p);
}

static void print_report(const struct calibrate_report *r, const json_t *all, const char *path)
{
    print_live(r);
    if (r->n_units) {
        print_replays(r);
        print_noise(r, json_object_get(all, "cases"));
    }
    printf("%s%s%s\nkept as %s\n", r->fit ? "fit" : "UNFIT", r->why[0] ? ": " : "", r->why, path);
}

static int calibrate(const struct command_line *c, const struct calibrate_source *source,
                     const char *date, const char *path, const char *partial)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct calibrate_report report;
    json_t *all;
    int rc;

    TRY(calibrate_run(source, c->n_experiments, c->o.seed ? c->o.seed : rng_seed_system(), date,
                      partial, &all));
    rc = calibrate_report(all, CALIBRATE_REPLAYS, cores > 0 ? (uint32_t)cores : 1, &report);
    if (rc == 0)
        rc = calibration_save(path, all);
    if (rc == 0) {
        unlink(partial);
        command_progress_clear();
        if (c->json)
            command_json(json_incref(all));
        else
            print_report(&report, all, path);
        rc = report.fit ? EXIT_OK : EXIT_CANNOT;
    }
    json_decref(all);
    return rc;
}

int command_calibrate(const struct command_line *c, struct judge_build *build)
{
    struct calibrating state = {c, build};
    const struct calibrate_source source = {&state, carry_out, tell};
    char date[24], path[PATH_MAX], partial[PATH_MAX + 16];
    time_t now = time(NULL);
    struct tm utc;

    if (c->o.focus || strcmp(c->o.features, "all"))
        return err_set(ERR_USAGE, "calibrate: what is kept holds for whole trials; leave out "
                                  "--focus and --features");
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", &utc);
    TRY(calibration_path(date, path));
    snprintf(partial, sizeof partial, "%s.partial", path);
    return calibrate(c, &source, date, path, partial);
}
