/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/command/command.h"

#include "judge/command/tables.h"
#include "judge/machine/machine_lock.h"
#include "judge/measure/bench.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int command_peaks(const struct command_line *c)
{
    struct judge_peaks peaks;
    uint64_t features;
    int lock;

    TRY(cpu_features_named(c->o.features, &features));
    lock = machine_lock_take(&c->o);
    TRY(lock);
    TRY(judge_peaks_measure(features, false, &peaks));
    close(lock);
    if (c->json)
        command_json(judge_peaks_json(&peaks));
    else
        tables_peaks(stdout, &peaks);
    return EXIT_OK;
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
        if (c->json)
            command_json(bench_json(b));
        else if (!strcmp(c->command, "roofline"))
            tables_roofline(stdout, b);
        else
            tables_bench(stdout, b);
    }
    free(b);
    return rc;
}
