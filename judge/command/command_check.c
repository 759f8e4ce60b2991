/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/command/command.h"

#include "judge/command/tables.h"
#include "judge/rule/trial.h"
#include "reference/base/err.h"

#include <stdio.h>

int command_check(const struct command_line *c, struct judge_build *build)
{
    struct judge_check_report report = {0};
    enum judge_verdict verdict;

    TRY(judge_check(build, &c->o, &report));
    command_progress_clear();
    if (c->json) {
        json_t *all = trial_report_check(&report);

        json_object_set_new(all, "verdict",
                            json_string(report.verdict == JUDGE_WIN
                                            ? "CORRECT"
                                            : judge_verdict_name(report.verdict)));
        command_json(all);
    } else {
        tables_check(stdout, &report);
    }
    verdict = report.verdict;
    judge_check_report_deinit(&report);
    return verdict == JUDGE_WIN ? EXIT_OK : EXIT_NOT_CORRECT;
}
