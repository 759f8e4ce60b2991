/* SPDX-License-Identifier: Apache-2.0
 *
 * command_survey.c: `judge survey` times the problem's survey one case after the other. Units take
 * turns with the limits, because a shared machine has others a minute later; the unit whose share of
 * its own limits is in the middle speaks for the case. */
#include "judge/command/command.h"

#include "judge/machine/machine_lock.h"
#include "judge/measure/bench.h"
#include "reference/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of one case: a unit and its limits, by utilisation. */
struct rounds {
    uint32_t n;
    struct bench *of;
};

static double roof_of(const struct bench *b)
{
    return b->cases[0].point.utilisation;
}

static int compare_roofs(const void *a, const void *b)
{
    double x = roof_of(a), y = roof_of(b);

    return (x > y) - (x < y);
}

/* What a case reaches of each limit; 0 where it does not apply. */
struct shares {
    double read; /* canonical bytes a second, of the read bandwidth where the working set lives */
    double int8; /* int8 operations, of the int8 peak */
    double f32;  /* all operations, of the f32 peak: the measure of attention */
};

static struct shares shares_of(const struct bench *b)
{
    const struct bench_case *c = &b->cases[0];
    const struct roofline_point *r = &c->point;
    int row = c->c->n_threads > 1;
    struct problem_work w;
    struct shares s = {.read = r->memory_ns / c->median_ns};

    if (compute_flops(c->c, &w) == 0) {
        s.int8 = w.ops_int8 / c->median_ns / b->peaks.int8_gops[row];
        s.f32 = (w.ops_int8 + w.flops_f32) / c->median_ns / b->peaks.f32_gflops[row];
    }
    return s;
}

static void print_row(const struct rounds *rounds)
{
    const struct bench *b = &rounds->of[rounds->n / 2];
    const struct bench_case *c = &b->cases[0];
    const struct roofline_point *r = &c->point;
    int row = c->c->n_threads > 1;
    struct shares s = shares_of(b);

    printf("%-30s %3u %10.1f %8.1f %7.2f %6s %7.1f %6.0f %6.0f %5.2f", c->c->name, c->c->n_threads,
           c->median_ns * 1e-3, r->gflops, r->gbps, judge_peaks_level_name(r->level),
           b->peaks.read_gbps[row][r->level], b->peaks.f32_gflops[row], b->peaks.int8_gops[row],
           s.read);
    if (!strcmp(c->c->op, "attention"))
        printf(" %5s %5.2f", "", s.f32);
    else
        printf(" %5.2f %5s", s.int8, "");
    printf(" %5.2f  %.2f..%.2f\n", r->utilisation, roof_of(&rounds->of[0]),
           roof_of(&rounds->of[rounds->n - 1]));
    fflush(stdout);
}

static json_t *row_json(const struct rounds *rounds)
{
    const struct bench *b = &rounds->of[rounds->n / 2];
    struct shares s = shares_of(b);
    json_t *row = bench_json(b), *roofs = json_array();

    json_object_set_new(row, "of_read", json_real(s.read));
    json_object_set_new(row, "of_int8", json_real(s.int8));
    json_object_set_new(row, "of_f32", json_real(s.f32));
    for (uint32_t i = 0; i < rounds->n; i++)
        json_array_append_new(roofs, json_real(roof_of(&rounds->of[i])));
    json_object_set_new(row, "utilisation_of_units", roofs);
    return row;
}

/* One case with its limits; a kernel that fails is a refusal like that of `judge bench`. */
static int survey_case(const struct command_line *c, struct judge_build *build,
                       const struct problem_case *timed, json_t *rows)
{
    struct judge_options o = c->o;
    struct rounds rounds = {c->n_units, calloc(c->n_units, sizeof *rounds.of)};
    int rc = rounds.of ? 0 : err_set(ERR_NOMEM, "survey: %u units", c->n_units);

    o.timed = timed;
    for (uint32_t i = 0; i < rounds.n && rc == 0; i++) {
        rc = bench_run(build, &o, 1, &rounds.of[i]);
        command_progress_clear();
        if (rc == 0 && rounds.of[i].status == UNIT_FAILED)
            rc = command_refusal(c, rounds.of[i].verdict, rounds.of[i].message);
    }
    if (rc == 0) {
        qsort(rounds.of, rounds.n, sizeof rounds.of[0], compare_roofs);
        if (rows)
            json_array_append_new(rows, row_json(&rounds));
        else
            print_row(&rounds);
    }
    free(rounds.of);
    return rc;
}

int command_survey(const struct command_line *c, struct judge_build *build)
{
    const char *prefix = c->only_case ? c->only_case : "";
    json_t *rows = c->json ? json_array() : NULL;
    int lock = machine_lock_take(&c->o), rc = lock < 0 ? lock : 0;
    size_t n = 0;

    if (rc == 0 && !rows)
        printf("%-30s %3s %10s %8s %7s %6s %7s %6s %6s %5s %5s %5s %5s  %s\n", "case", "thr",
               "median us", "GFLOP/s", "GB/s", "level", "read", "f32", "int8", "/read", "/int8",
               "/f32", "roof", "units");
    for (size_t i = 0; i < problem_shipped.n_survey && rc == 0; i++)
        if (!strncmp(problem_shipped.survey[i].name, prefix, strlen(prefix))) {
            rc = survey_case(c, build, &problem_shipped.survey[i], rows);
            n++;
        }
    if (lock >= 0)
        close(lock);
    if (rc == 0 && n == 0)
        rc = err_set(ERR_USAGE, "--case %s: no case of the survey begins so", prefix);
    if (rc == 0 && rows)
        command_json(rows);
    else
        json_decref(rows);
    return rc;
}
