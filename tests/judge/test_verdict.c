/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"
#include "judge/measure/counters.h"
#include "judge/seal.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(verdict, names_and_numbers_go_both_ways)
{
    for (int v = 0; v < JUDGE_N_VERDICTS; v++) {
        const char *name = judge_verdict_name((enum judge_verdict)v);

        cr_assert_not_null(name);
        cr_expect_eq(judge_verdict_parse(name), v, "%s", name);
    }
    cr_expect_str_eq(judge_verdict_name(JUDGE_WIN), "WIN");
    cr_expect_str_eq(judge_verdict_name(JUDGE_FAIL_CORRECTNESS), "FAIL_CORRECTNESS");
    cr_expect_str_eq(judge_verdict_name((enum judge_verdict)99), "UNKNOWN");
    cr_expect_eq(judge_verdict_parse("win"), -1);
    cr_expect_eq(judge_verdict_parse(""), -1);
}

Test(verdict, the_fingerprint_is_the_same_twice)
{
    char one[256], two[256];

    judge_machine_fingerprint(one);
    judge_machine_fingerprint(two);
    cr_expect_str_eq(one, two);
    cr_expect_gt(strlen(one), 20);
    cr_expect_null(strchr(one, '\t'));
    cr_expect_null(strchr(one, '\n'));
}

Test(verdict, counters_say_what_they_are_or_why_not)
{
    char text[128];
    bool available = counters_probe(text, sizeof text);

    cr_expect_eq(strncmp(text, available ? "available: " : "unavailable: ", available ? 11 : 13), 0,
                 "%s", text);
    cr_expect_gt(strlen(text), 15);
}

/* The seal of a made-up tree, against the definition done with the system's tools. */
Test(verdict, the_seal_is_what_the_script_says)
{
    static const char *const make =
        "cd %s && mkdir -p judge/sub reference kernel && echo a > judge/b.c && echo c > "
        "judge/sub/d.h "
        "&& echo e > judge/B.c && echo f > reference/g.c && echo h > kernel/kernel.h && echo no > "
        "judge/.hidden && echo no > judge/b.c~ && echo no > kernel/kernel.c && ln -s b.c "
        "judge/link.c";
    static const char *const sum =
        "cd %s && sha256sum judge/B.c judge/b.c judge/sub/d.h kernel/kernel.h reference/g.c | "
        "sha256sum | cut -c1-64 > sum";
    char dir[] = "/tmp/seal-XXXXXX", command[1024], want[SHA256_HEX] = "", hex[SHA256_HEX];
    FILE *f;

    cr_assert_not_null(mkdtemp(dir));
    snprintf(command, sizeof command, make, dir);
    cr_assert_eq(system(command), 0);
    snprintf(command, sizeof command, sum, dir);
    cr_assert_eq(system(command), 0);
    snprintf(command, sizeof command, "%s/sum", dir);
    f = fopen(command, "r");
    cr_assert_not_null(f);
    cr_assert_eq(fread(want, 1, 64, f), 64);
    fclose(f);
    cr_assert_eq(judge_seal_compute(dir, hex), 0, "%s", err_message());
    cr_expect_str_eq(hex, want);
    cr_expect_eq(judge_seal_check(dir), ERR_CONFLICT);
    snprintf(command, sizeof command, "echo x >> %s/judge/sub/d.h", dir);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(judge_seal_compute(dir, hex), 0);
    cr_expect_str_neq(hex, want);
    file_remove_tree(dir);
    cr_expect_eq(judge_seal_compute(dir, hex), ERR_IO);
}
