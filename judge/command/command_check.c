/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/command/command.h"

#include "judge/command/tables.h"
#include "judge/rule/trial.h"
#include "reference/base/err.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What repeats a failure; a drawn case comes back with the seed alone. */
static void print_command(FILE *out, const struct command_line *c,
                          const struct judge_check_report *r)
{
    fprintf(out, "judge check --replay %" PRIu64, r->seed);
    if (strncmp(r->worst.case_name, "drawn-", 6) != 0)
        fprintf(out, " --case %s", r->worst.case_name);
    if (strcmp(c->o.features, "all") != 0)
        fprintf(out, " --features %s", c->o.features);
}

static void print_region(FILE *out, const struct command_line *c,
                         const struct judge_check_report *r)
{
    const struct judge_check_region *w = &r->worst;

    fprintf(out, "\n%s, pattern %s, inputs of seed 0x%" PRIx64 ", %u thread%s, %s placement\n",
            w->case_name, problem_pattern_name(w->pattern), w->input_seed, w->n_threads,
            w->n_threads == 1 ? "" : "s", w->right_placement ? "right" : "left");
    fprintf(out, "%s around its worst element (*), plane %zu:\n", w->buffer, w->plane);
    fprintf(out, "  %6s %6s %16s %16s %12s %12s\n", "row", "column", "got", "want", "off ulp(S)",
            "allowed");
    for (uint32_t i = 0; i < w->n_cells; i++) {
        const struct judge_check_cell *cell = &w->cells[i];

        fprintf(out, "%c %6zu %6zu %16.9g %16.9g %12.4g %12.4g\n", cell->worst ? '*' : ' ',
                cell->row, cell->column, cell->got, cell->want, cell->units, cell->bound);
    }
    fprintf(out, "repeat: ");
    print_command(out, c, r);
    fputc('\n', out);
}

/* JSON has no word for what is no number. */
static json_t *number_json(double x)
{
    if (isfinite(x))
        return json_real(x);
    return json_string(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

static json_t *region_json(const struct judge_check_region *w)
{
    json_t *cells = json_array();
    char seed[24];

    if (w->n_cells == 0) {
        json_decref(cells);
        return json_null();
    }
    for (uint32_t i = 0; i < w->n_cells; i++) {
        const struct judge_check_cell *cell = &w->cells[i];

        json_array_append_new(
            cells, json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:b}", "row", (json_int_t)cell->row,
                             "column", (json_int_t)cell->column, "got", number_json(cell->got),
                             "want", number_json(cell->want), "ulp", number_json(cell->units),
                             "bound", number_json(cell->bound), "worst", (int)cell->worst));
    }
    snprintf(seed, sizeof seed, "0x%" PRIx64, w->input_seed);
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:I, s:o}", "case", w->case_name, "pattern",
                     problem_pattern_name(w->pattern), "input_seed", seed, "buffer", w->buffer,
                     "threads", (int)w->n_threads, "placement",
                     w->right_placement ? "right" : "left", "plane", (json_int_t)w->plane, "cells",
                     cells);
}

static json_t *check_json(const struct judge_check_report *r)
{
    json_t *all = trial_report_check(r), *cases = json_object_get(all, "cases");
    char seed[24];

    for (size_t i = 0; i < r->n_cases; i++) {
        json_t *one = json_array_get(cases, i);

        json_object_set_new(one, "setup_ns", json_real(r->cases[i].setup_ns));
        json_object_set_new(one, "fpu_read", json_boolean(r->cases[i].fpu_read));
    }
    snprintf(seed, sizeof seed, "%" PRIu64, r->seed); /* past what a double holds */
    json_object_set_new(all, "seed", json_string(seed));
    json_object_set_new(all, "drawn", json_integer((json_int_t)r->n_drawn));
    json_object_set_new(all, "sanitized", json_integer((json_int_t)r->n_sanitized));
    json_object_set_new(all, "worst_region", region_json(&r->worst));
    json_object_set_new(
        all, "verdict",
        json_string(r->verdict == JUDGE_WIN ? "CORRECT" : judge_verdict_name(r->verdict)));
    return all;
}

int command_check(const struct command_line *c, struct judge_build *build)
{
    struct judge_check_report report = {0};
    enum judge_verdict verdict;

    TRY(judge_check(build, &c->o, &report));
    command_progress_clear();
    if (c->json) {
        command_json(check_json(&report));
    } else {
        tables_check(stdout, &report);
        if (c->replay && report.worst.n_cells > 0)
            print_region(stdout, c, &report);
    }
    verdict = report.verdict;
    judge_check_report_deinit(&report);
    return verdict == JUDGE_WIN ? EXIT_OK : EXIT_NOT_CORRECT;
}
