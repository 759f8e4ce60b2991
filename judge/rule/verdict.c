/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"

#include <string.h>

static const char *const verdict_names[JUDGE_N_VERDICTS] = {
    [JUDGE_WIN] = "WIN",
    [JUDGE_LOSS] = "LOSS",
    [JUDGE_INCONCLUSIVE] = "INCONCLUSIVE",
    [JUDGE_SAME_CODE] = "SAME_CODE",
    [JUDGE_FAIL_BUILD] = "FAIL_BUILD",
    [JUDGE_FAIL_CONTRACT] = "FAIL_CONTRACT",
    [JUDGE_FAIL_CORRECTNESS] = "FAIL_CORRECTNESS",
    [JUDGE_FAIL_TIMEOUT] = "FAIL_TIMEOUT",
    [JUDGE_FAIL_CRASH] = "FAIL_CRASH",
    [JUDGE_CHEAT] = "CHEAT",
    [JUDGE_UNFIT_MACHINE] = "UNFIT_MACHINE",
};

const char *judge_verdict_name(enum judge_verdict v)
{
    return (unsigned)v < JUDGE_N_VERDICTS ? verdict_names[v] : "UNKNOWN";
}

int judge_verdict_parse(const char *name)
{
    for (int v = 0; v < JUDGE_N_VERDICTS; v++)
        if (!strcmp(name, verdict_names[v]))
            return v;
    return -1;
}
