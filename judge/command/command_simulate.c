/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/command/command.h"

#include "judge/rule/calibration.h"
#include "judge/rule/clopper_pearson.h"
#include "judge/rule/rule.h"
#include "judge/rule/simulate.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CASES = 12 }; /* of equal weight, in the models that record nothing */
#define CASE_SD 0.05

static void print_head(const struct command_line *c)
{
    printf(
        "The whole rule on simulated units: %llu campaigns of %d attempts per model, each tried up "
        "to %d times\nwith its evidence continued; nothing but null changes and slow-downs of 0.5 "
        "and 1 %%. alpha %g, of the whole rule %g;\nbounds are Clopper-Pearson's at 95 %%; seed "
        "%llu.\n\n",
        (unsigned long long)c->n_campaigns, SIMULATE_ATTEMPTS, SIMULATE_RETRIES + 1, RULE_ALPHA,
        RULE_ALPHA * RULE_ALPHA_CONFIRM, (unsigned long long)c->o.seed);
}

static void print_rate(const char *what, uint64_t k, uint64_t n)
{
    printf("  %-26s %llu of %llu, at most %.2g\n", what, (unsigned long long)k,
           (unsigned long long)n, clopper_pearson_upper(k, n, 0.95));
}

static double percent(const struct simulate_tally *t)
{
    return 100 * (double)t->wins / (double)t->attempts;
}

static void print_model(const struct simulate_model *m)
{
    printf("%s\n", noise_model_name(m->model));
    print_rate("false wins per attempt", m->null.wins, m->null.attempts);
    print_rate("per campaign", m->null.win_campaigns, m->null.campaigns);
    print_rate("first stage per attempt", m->null.first, m->null.attempts);
    print_rate("first stage at gain = m", m->edge.first, m->edge.attempts);
    print_rate("whole rule at gain = m", m->edge.wins, m->edge.attempts);
    printf("  power (units of a win)    ");
    for (size_t i = 0; i < SIMULATE_N_POWERS; i++)
        printf(" %.1f %%: %.0f %% (%u)", simulate_powers[i] * 100, percent(&m->power[i]),
               simulate_median(m->power[i].win_units));
    printf("\n  units of a neutral change  %u, of one that costs 5 %% %u\n",
           simulate_median(m->neutral.end_units), simulate_median(m->loser.end_units));
    printf("  +4 %% but a case at -3 %%    wins %.2f %%; at -5 %% %.2f %%\n\n",
           percent(&m->harm[0]), percent(&m->harm[1]));
    fflush(stdout);
}

/* Units of the newest calibration of this machine, whichever judge it was by: noise is the
 * machine's. */
static int recorded_units(struct noise_record *out)
{
    char path[PATH_MAX];
    json_t *all;
    int rc = calibration_newest(true, &all, path);

    memset(out, 0, sizeof *out);
    if (rc <= 0)
        return rc;
    rc = calibration_units(all, out);
    json_decref(all);
    return rc;
}

static int simulate_models(const struct command_line *c, const struct noise_record *record,
                           json_t *models)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    double equal[CASES];
    struct simulate_model *m = malloc(sizeof *m);
    int rc = m ? 0 : err_set(ERR_NOMEM, "a simulation");

    for (size_t i = 0; i < CASES; i++)
        equal[i] = 1.0 / CASES;
    for (int model = 0; model < NOISE_N_MODELS && rc == 0; model++) {
        bool replay = model == NOISE_REPLAY;
        struct simulate_world w = {.model = (enum noise_model)model,
                                   .n_cases = replay ? record->n_cases : CASES,
                                   .weight = replay ? record->weight : equal,
                                   .sd = CASE_SD,
                                   .record = record,
                                   .margin = RULE_MARGIN_MIN};

        if (replay && !record->n_units)
            continue;
        rc = simulate_model_run(&w, c->n_campaigns, rng_seed_mix(c->o.seed, (uint64_t)model),
                                cores > 0 ? (uint32_t)cores : 1, m);
        if (rc == 0 && c->json)
            json_array_append_new(models, simulate_model_json(m));
        else if (rc == 0)
            print_model(m);
    }
    free(m);
    return rc;
}

int command_simulate(const struct command_line *c)
{
    struct command_line seeded = *c;
    struct noise_record record;
    json_t *models;
    int rc;

    if (!c->n_campaigns)
        return err_set(ERR_USAGE, "--campaigns 0: at least 1");
    if (!seeded.o.seed)
        seeded.o.seed = 1;
    rc = recorded_units(&record);
    TRY(rc);
    models = json_array();
    if (!c->json)
        print_head(&seeded);
    rc = simulate_models(&seeded, &record, models);
    if (rc == 0 && c->json)
        command_json(json_pack("{s:I, s:I, s:O}", "campaigns", (json_int_t)c->n_campaigns, "seed",
                               (json_int_t)seeded.o.seed, "models", models));
    else if (rc == 0 && !record.n_units)
        printf(
            "No units of this machine are on record: judge calibrate records them, and then they "
            "are replayed too.\n");
    json_decref(models);
    noise_record_deinit(&record);
    return rc;
}
