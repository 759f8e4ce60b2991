/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/judge/world.h"

#include "judge/machine/roofline.h"
#include "judge/rule/rule.h"
#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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
    if (w->slow_peaks > 0 && w->n_peaks < 2)
        for (int i = 0; i < PEAKS_N_LEVELS; i++) {
            out->read_gbps[0][i] /= w->slow_peaks;
            out->read_gbps[1][i] /= w->slow_peaks;
            out->fastest_gbps[i] /= w->slow_peaks;
        }
    if (w->implausible[w->n_peaks++ % 8]) {
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
            double ns = honest_ns(c) * exp(0.01 * rng_normal(&w->rng));

            ns *= candidate || !w->incumbent_honest ? w->scale : 1;
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
    out->disturbed_share = w->disturbed;
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

static int world_check(void *ctx, uint64_t seed, struct judge_check_report *out)
{
    struct world *w = ctx;

    w->check_seed = seed;
    *out = (struct judge_check_report){
        .verdict = w->hidden, .seed = seed, .message = "a drawn case is wrong"};
    return 0;
}

struct trial_source world_source(struct world *w)
{
    return (struct trial_source){w,           world_open,  world_unit, world_close,
                                 world_peaks, world_count, world_check};
}

struct world quiet_world(double gain)
{
    struct world w = {.gain = {gain, gain}, .noise = 0.02, .scale = 1, .steal = 0.01};

    rng_init(&w.rng, 7);
    return w;
}

struct judge_trial world_try(struct world *w, const struct judge_options *options,
                             const struct trial_record *record)
{
    const struct trial_source source = world_source(w);
    struct judge_options o = *options;
    struct judge_trial t = {.seed = 42};

    o.seed = 42;
    o.progress = world_progress;
    o.progress_ctx = w;
    cr_assert_eq(trial_measure(&source, &o, record, &t), 0, "%s", err_message());
    cr_assert_eq(w->n_open, w->n_close);
    cr_assert_not_null(t.details);
    fprintf(stderr, "trial: %s: %s | %s\n", judge_verdict_name(t.verdict), t.reason, t.next);
    return t;
}
