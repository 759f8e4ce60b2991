/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/simulate.h"

#include "judge/rule/clopper_pearson.h"
#include "judge/rule/rule.h"
#include "reference/base/err.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 32, MAX_THREADS = 64, TRY_UNITS = RULE_CAP_UNITS / (SIMULATE_RETRIES + 1) };

const double simulate_powers[SIMULATE_N_POWERS] = {0.005, 0.01, 0.02, 0.03, 0.05};

/* --- one attempt --- */

struct stage_end {
    enum decide_outcome outcome;
    uint32_t units;
    double total_ratio; /* mean over units of the candidate's time over the incumbent's */
};

/* One stage over all tries of the same code: each try opens fresh pools, the evidence goes on. */
static struct stage_end stage_simulate(const struct simulate_world *w,
                                       const struct simulate_arm *arm, double effect, bool confirm,
                                       struct noise *noise)
{
    struct stage_end end = {.outcome = DECIDE_MORE};
    double d[DECIDE_MAX_CASES];
    struct decide rule;

    decide_init(&rule, w->weight, w->n_cases, w->margin, confirm ? RULE_ALPHA_CONFIRM : RULE_ALPHA,
                RULE_BETA, RULE_CAP_UNITS);
    while (end.outcome == DECIDE_MORE) {
        if (rule.seen.n % TRY_UNITS == 0)
            noise_open(noise);
        noise_unit(noise, d);
        for (size_t i = 0; i < w->n_cases; i++) {
            d[i] += arm->odd && i == 0 ? arm->odd_effect : effect;
            if (confirm)
                end.total_ratio += w->weight[i] * exp(-d[i]);
        }
        end.outcome = decide_add(&rule, d);
    }
    end.units = rule.seen.n;
    end.total_ratio /= rule.seen.n;
    return end;
}

static void attempt_simulate(const struct simulate_world *w, const struct simulate_arm *arm,
                             double effect, struct noise *noise, struct simulate_tally *t)
{
    struct stage_end first = stage_simulate(w, arm, effect, false, noise), second;
    uint32_t units = first.units;

    t->attempts++;
    if (first.outcome == DECIDE_ACCEPT) {
        t->first++;
        second = stage_simulate(w, arm, effect, true, noise);
        units += second.units;
        if (second.outcome == DECIDE_ACCEPT && second.total_ratio <= 1) {
            t->wins++;
            t->win_units[units]++;
        }
    }
    t->end_units[units]++;
}

static double mixed_effect(struct rng *r)
{
    double u = rng_uniform(r);

    return u < 0.5 ? 0 : u < 0.8 ? -0.005 : -0.01;
}

static void campaign_simulate(const struct simulate_world *w, const struct simulate_arm *arm,
                              uint64_t seed, struct simulate_tally *t)
{
    uint64_t first = t->first, wins = t->wins;
    struct noise noise;

    noise_init(&noise, w->model, w->n_cases, w->sd, w->record, seed);
    for (int i = 0; i < SIMULATE_ATTEMPTS; i++)
        attempt_simulate(w, arm, arm->mixed ? mixed_effect(&noise.rng) : arm->effect, &noise, t);
    t->campaigns++;
    t->first_campaigns += t->first > first;
    t->win_campaigns += t->wins > wins;
}

/* --- threads --- */

struct job {
    const struct simulate_world *w;
    const struct simulate_arm *arm;
    uint64_t campaigns, seed;
    _Atomic uint64_t next;
    pthread_mutex_t lock; /* of `out` */
    struct simulate_tally *out;
};

static void tally_add(struct simulate_tally *sum, const struct simulate_tally *t)
{
    sum->campaigns += t->campaigns;
    sum->attempts += t->attempts;
    sum->first += t->first;
    sum->first_campaigns += t->first_campaigns;
    sum->wins += t->wins;
    sum->win_campaigns += t->win_campaigns;
    for (size_t i = 0; i <= 2 * RULE_CAP_UNITS; i++) {
        sum->win_units[i] += t->win_units[i];
        sum->end_units[i] += t->end_units[i];
    }
}

static void *job_work(void *argument)
{
    struct job *j = argument;
    struct simulate_tally mine;
    uint64_t from;

    memset(&mine, 0, sizeof mine);
    while ((from = atomic_fetch_add(&j->next, CHUNK)) < j->campaigns)
        for (uint64_t i = from; i < from + CHUNK && i < j->campaigns; i++)
            campaign_simulate(j->w, j->arm, rng_seed_mix(j->seed, i), &mine);
    pthread_mutex_lock(&j->lock);
    tally_add(j->out, &mine);
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

int simulate_arm_run(const struct simulate_world *w, const struct simulate_arm *arm,
                     uint64_t campaigns, uint64_t seed, uint32_t n_threads,
                     struct simulate_tally *out)
{
    struct job job = {.w = w, .arm = arm, .campaigns = campaigns, .seed = seed, .out = out};
    pthread_t threads[MAX_THREADS];
    uint32_t started = 0;

    memset(out, 0, sizeof *out);
    pthread_mutex_init(&job.lock, NULL);
    while (started < n_threads && started < MAX_THREADS &&
           pthread_create(&threads[started], NULL, job_work, &job) == 0)
        started++;
    for (uint32_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&job.lock);
    return started ? 0 : err_set(ERR_IO, "no thread for a simulation");
}

/* --- the table of a model --- */

uint32_t simulate_median(const uint32_t units[2 * RULE_CAP_UNITS + 1])
{
    uint64_t sum = 0, seen = 0;
    uint32_t i = 0;

    for (size_t k = 0; k <= 2 * RULE_CAP_UNITS; k++)
        sum += units[k];
    if (!sum)
        return 0;
    while ((seen += units[i]) * 2 < sum)
        i++;
    return i;
}

int simulate_model_run(const struct simulate_world *w, uint64_t campaigns, uint64_t seed,
                       uint32_t n_threads, struct simulate_model *out)
{
    uint64_t fewer = campaigns / 100 > 10 ? campaigns / 100 : 10;
    uint64_t edge = campaigns / 10 > 10 ? campaigns / 10 : 10;
    const struct {
        struct simulate_arm arm;
        uint64_t campaigns;
        struct simulate_tally *out;
    } arms[] = {
        {{.mixed = true}, campaigns, &out->null},
        {{.effect = w->margin}, edge, &out->edge},
        {{.effect = 0}, fewer, &out->neutral},
        {{.effect = log(0.95)}, fewer, &out->loser},
        {{.effect = 0.04, .odd = true, .odd_effect = log(0.97)}, fewer, &out->harm[0]},
        {{.effect = 0.04, .odd = true, .odd_effect = log(0.95)}, fewer, &out->harm[1]},
    };
    size_t n = sizeof arms / sizeof *arms;

    out->model = w->model;
    for (size_t i = 0; i < n; i++)
        TRY(simulate_arm_run(w, &arms[i].arm, arms[i].campaigns, rng_seed_mix(seed, i), n_threads,
                             arms[i].out));
    for (size_t i = 0; i < SIMULATE_N_POWERS; i++) {
        struct simulate_arm arm = {.effect = simulate_powers[i]};

        TRY(simulate_arm_run(w, &arm, fewer, rng_seed_mix(seed, n + i), n_threads, &out->power[i]));
    }
    return 0;
}

static json_t *tally_json(const struct simulate_tally *t)
{
    return json_pack(
        "{s:I, s:I, s:I, s:f, s:I, s:I, s:f, s:I, s:i, s:i}", "campaigns", (json_int_t)t->campaigns,
        "attempts", (json_int_t)t->attempts, "first", (json_int_t)t->first, "first_bound",
        clopper_pearson_upper(t->first, t->attempts, 0.95), "first_campaigns",
        (json_int_t)t->first_campaigns, "wins", (json_int_t)t->wins, "wins_bound",
        clopper_pearson_upper(t->wins, t->attempts, 0.95), "win_campaigns",
        (json_int_t)t->win_campaigns, "median_units_win", (int)simulate_median(t->win_units),
        "median_units", (int)simulate_median(t->end_units));
}

json_t *simulate_model_json(const struct simulate_model *m)
{
    json_t *power = json_array();

    for (size_t i = 0; i < SIMULATE_N_POWERS; i++) {
        json_t *one = tally_json(&m->power[i]);

        json_object_set_new(one, "effect", json_real(simulate_powers[i]));
        json_array_append_new(power, one);
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "model",
                     noise_model_name(m->model), "null", tally_json(&m->null), "edge",
                     tally_json(&m->edge), "neutral", tally_json(&m->neutral), "loser",
                     tally_json(&m->loser), "harm_3_percent", tally_json(&m->harm[0]),
                     "harm_5_percent", tally_json(&m->harm[1]), "power", power);
}
