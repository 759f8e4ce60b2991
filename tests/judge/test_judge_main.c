/* SPDX-License-Identifier: Apache-2.0
 *
 * The judge program from outside: exit codes, and output that a program can read. */
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Run `judge` with up to two arguments in `dir`; its exit code, and what it printed. */
static int run_judge(const char *dir, const char *one, const char *two, struct strbuf *output)
{
    const char *bin = getenv("PAWL_BIN");
    char relative[PATH_MAX], path[PATH_MAX], first[64], second[64];
    char *argv[] = {path, first, second, NULL};

    snprintf(relative, sizeof relative, "%s/judge", bin ? bin : "build/bin");
    cr_assert_not_null(realpath(relative, path), "%s", relative);
    snprintf(first, sizeof first, "%s", one ? one : "");
    snprintf(second, sizeof second, "%s", two ? two : "");
    argv[one ? (two ? 3 : 2) : 1] = NULL;
    return process_run(argv, dir, 60, output);
}

Test(judge_main, exit_codes_tell_usage_from_inability, .timeout = 120)
{
    static const struct {
        const char *dir, *one, *two;
        int code;
    } runs[] = {
        {".", "--help", NULL, 0},       {".", NULL, NULL, 2},
        {".", "juggle", NULL, 2},       {".", "check", "bench", 2},
        {".", "--units=0", "bench", 2}, {".", "--features=magic", "check", 2},
        {".", "--unknown", NULL, 2},    {"/", "check", NULL, 3},
    };

    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        struct strbuf output = {0};
        int code = run_judge(runs[i].dir, runs[i].one, runs[i].two, &output);

        cr_expect_eq(code, runs[i].code, "run %zu gave %d: %s", i, code, strbuf_str(&output));
        cr_expect_gt(output.len, 10);
        strbuf_deinit(&output);
    }
}

Test(judge_main, peaks_are_readable_by_programs, .timeout = 120)
{
    struct strbuf output = {0};
    int code = run_judge(".", "peaks", "--json", &output);
    json_t *value = json_loads(strbuf_str(&output), 0, NULL);

    cr_assert_eq(code, 0);
    cr_assert_not_null(value, "%s", strbuf_str(&output));
    cr_expect_eq(json_array_size(json_object_get(value, "rows")), 2);
    json_decref(value);
    strbuf_deinit(&output);
}
