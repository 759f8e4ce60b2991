/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/command/command.h"

#include "judge/command/tables.h"
#include "judge/machine/machine_lock.h"
#include "judge/machine/plot.h"
#include "judge/measure/bench.h"
#include "judge/profile/profile.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int command_peaks(const struct command_line *c)
{
    struct judge_peaks peaks;
    uint64_t features;
    int lock, rc;

    TRY(cpu_features_named(c->o.features, &features));
    lock = machine_lock_take(&c->o);
    TRY(lock);
    rc = judge_peaks_measure(features, false, &peaks);
    close(lock);
    TRY(rc);
    if (c->json)
        command_json(judge_peaks_json(&peaks));
    else
        tables_peaks(stdout, &peaks);
    return EXIT_OK;
}

static int draw(const struct command_line *c, const struct bench *b)
{
    struct plot_point points[UNIT_MAX_CASES];
    char machine[256], title[320], day[16];
    time_t now = time(NULL);
    struct tm utc;

    for (size_t i = 0; i < b->n_cases; i++)
        points[i] =
            (struct plot_point){b->cases[i].c->name, b->cases[i].c->n_threads, b->cases[i].point};
    judge_machine_fingerprint(machine);
    strftime(day, sizeof day, "%Y-%m-%d", gmtime_r(&now, &utc));
    snprintf(title, sizeof title, "%s, %s", machine, day);
    return plot_roofline(&b->peaks, points, b->n_cases, title, c->svg, c->o.work_dir);
}

/* The text of `judge roofline`, and its picture where one is asked for. A kernel that fails when it
 * is asked for its tiles is told like one that fails while timed. */
static int roofline(const struct command_line *c, struct judge_build *build, const struct bench *b)
{
    struct budget budgets[UNIT_MAX_CASES];
    struct judge_fault fault = {0};
    struct strbuf text = {0};

    TRY(profile_budgets(build, &c->o, b, budgets, &fault));
    if (fault.found)
        return command_refusal(c, fault.verdict, fault.message);
    if (c->json) {
        json_t *all = bench_json(b), *cases = json_object_get(all, "cases");

        for (size_t i = 0; i < b->n_cases; i++)
            json_object_set_new(json_array_get(cases, i), "budget", budget_json(&budgets[i]));
        command_json(all);
    } else {
        profile_print_budgets(b, budgets, &text);
        tables_roofline(stdout, b, strbuf_str(&text));
        strbuf_deinit(&text);
    }
    return c->svg ? draw(c, b) : EXIT_OK;
}

int command_bench(const struct command_line *c, struct judge_build *build)
{
    struct bench *b = calloc(1, sizeof *b);
    int lock = machine_lock_take(&c->o), rc = lock;

    if (!b)
        rc = err_set(ERR_NOMEM, "bench");
    if (rc >= 0)
        rc = bench_run(build, &c->o, c->n_units, b);
    if (lock >= 0)
        close(lock);
    command_progress_clear();
    if (rc == 0 && b->status == UNIT_FAILED) {
        rc = command_refusal(c, b->verdict, b->message);
    } else if (rc == 0) {
        if (!strcmp(c->command, "roofline"))
            rc = roofline(c, build, b);
        else if (c->json)
            command_json(bench_json(b));
        else
            tables_bench(stdout, b);
    }
    free(b);
    return rc;
}
