/* SPDX-License-Identifier: Apache-2.0
 *
 * The sealed weights against the measured workloads that they come from (profiles/). */
#include "reference/problem.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Share of `op` in the table of operations that one file has. */
static double share_in(const char *path, const char *op)
{
    FILE *f = fopen(path, "r");
    char line[512], name[64];
    double share = 0, here;
    bool table = false;

    cr_assert(f, "%s", path);
    while (fgets(line, sizeof line, f)) {
        if (table && sscanf(line, "%63s %lf", name, &here) == 2 && strcmp(name, op) == 0)
            share = here;
        table = table || strncmp(line, "operation ", 10) == 0;
    }
    fclose(f);
    cr_assert(table, "%s has no table of operations", path);
    return share;
}

/* Two chats, a document, a prompt. */
static double share_of(const char *op)
{
    static const char *const files[] = {"chat", "chat", "document", "prompt"};
    double sum = 0;

    for (size_t i = 0; i < 4; i++) {
        char pattern[128];
        glob_t found;

        snprintf(pattern, sizeof pattern, "profiles/2026-11-21-*/workload-%s.txt", files[i]);
        cr_assert_eq(glob(pattern, 0, NULL, &found), 0, "%s", pattern);
        cr_assert_eq(found.gl_pathc, 1);
        sum += share_in(found.gl_pathv[0], op);
        globfree(&found);
    }
    return sum / 4;
}

static double weight_of(const char *op)
{
    double sum = 0;

    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (strcmp(problem_shipped.cases[i].op, op) == 0)
            sum += problem_shipped.cases[i].weight;
    return sum;
}

Test(workload, sealed_weights_are_the_shares_of_real_inference)
{
    static const char *const ops[] = {"gemv", "gemm", "attention"};
    double rest = 1;

    for (size_t i = 0; i < 3; i++) {
        double share = share_of(ops[i]), weight = weight_of(ops[i]);

        cr_expect_lt(fabs(share - weight), 0.01, "%s: %.4f measured, %.4f sealed", ops[i], share,
                     weight);
        rest -= share;
    }
    cr_expect_lt(fabs(rest - weight_of("rms_norm") - weight_of("quantize")), 0.01);
}
