/* SPDX-License-Identifier: Apache-2.0
 *
 * The judge program from outside: exit codes, and output that a program can read. */
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/judge/sandbox.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void judge_path(char out[PATH_MAX])
{
    const char *bin = getenv("PAWL_BIN");
    char relative[PATH_MAX];

    snprintf(relative, sizeof relative, "%s/judge", bin ? bin : "build/bin");
    cr_assert_not_null(realpath(relative, out), "%s", relative);
}

/* Run `judge` with up to three arguments (NULL: no more) in `dir`; its exit code, and what it
 * printed. */
static int run_judge(const char *dir, const char *one, const char *two, const char *three,
                     struct strbuf *output)
{
    char path[PATH_MAX], words[3][320];
    const char *wanted[] = {one, two, three};
    char *argv[] = {path, NULL, NULL, NULL, NULL};

    judge_path(path);
    for (int i = 0; i < 3 && wanted[i]; i++) {
        snprintf(words[i], sizeof words[i], "%s", wanted[i]);
        argv[i + 1] = words[i];
    }
    return process_run(argv, dir, 240, output); /* a busy host compiles for minutes */
}

Test(judge_main, exit_codes_tell_usage_from_inability, .timeout = 400)
{
    static const struct {
        const char *dir, *one, *two;
        int code;
    } runs[] = {
        {".", "--help", NULL, 0},
        {".", NULL, NULL, 2},
        {".", "juggle", NULL, 2},
        {".", "check", "bench", 2},
        {".", "--units=0", "bench", 2},
        {".", "--features=magic", "check", 2},
        {".", "--unknown", NULL, 2},
        {"/", "check", NULL, 3},
        {".", "--focus=juggle", "bench", 2},
        {".", "--focus=gemm", "calibrate", 2},
        {".", "--source=tests", "check", 2},
        {".", "--source=nowhere", "bench", 2},
        {".", "--case=juggle", "check", 2},
        {".", "--case=juggle", "survey", 2},
    };

    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        struct strbuf output = {0};
        int code = run_judge(runs[i].dir, runs[i].one, runs[i].two, NULL, &output);

        cr_expect_eq(code, runs[i].code, "run %zu gave %d: %s", i, code, strbuf_str(&output));
        cr_expect_gt(output.len, 10);
        strbuf_deinit(&output);
    }
}

/* One case, one unit: its row stands beside the limits and can be read by a program. */
Test(judge_main, a_survey_stands_beside_its_limits, .timeout = 400)
{
    struct strbuf output = {0};
    json_error_t e;
    json_t *rows, *row;

    cr_assert_eq(run_judge(".", "--case=gemm-q4_k-n8", "--units=1", "survey", &output), 0, "%s",
                 strbuf_str(&output));
    rows = json_loads(strbuf_str(&output), 0, &e);
    cr_expect_null(rows, "text was asked for");
    cr_expect_not_null(strstr(strbuf_str(&output), "gemm-q4_k-n8 "), "%s", strbuf_str(&output));
    strbuf_deinit(&output);
    cr_assert_eq(run_judge(".", "--case=gemm-q4_k-n8", "--json", "survey", &output), 0);
    rows = json_loads(strchr(strbuf_str(&output), '['), 0, &e);
    row = json_array_get(rows, 0);
    cr_expect_eq(json_array_size(rows), 1);
    cr_expect_gt(json_real_value(json_object_get(row, "of_int8")), 0.001);
    cr_expect_gt(json_real_value(json_object_get(row, "of_read")), 0.001);
    json_decref(rows);
    strbuf_deinit(&output);
}

Test(judge_main, a_refused_kernel_is_json_too, .timeout = 400)
{
    struct strbuf output = {0};
    struct sandbox box;
    char source[320];
    json_t *value;
    int code;

    sandbox_init(&box);
    sandbox_write(&box, "kernel.c", "int x = ;\n");
    snprintf(source, sizeof source, "--source=%s", box.source);
    code = run_judge(".", source, "check", "--json", &output);
    value = json_loads(strbuf_str(&output), 0, NULL);
    cr_assert_eq(code, 1);
    cr_assert_not_null(value, "%s", strbuf_str(&output));
    cr_expect_str_eq(json_string_value(json_object_get(value, "verdict")), "FAIL_BUILD");
    cr_expect_not_null(strstr(json_string_value(json_object_get(value, "message")), "kernel.c:1"));
    json_decref(value);
    strbuf_deinit(&output);
    sandbox_deinit(&box);
}

/* Wait up to ten seconds for something to lie in `folder` (want) or for nothing to. */
static bool folder_becomes(const char *folder, bool want)
{
    for (int i = 0; i < 1000; i++) {
        DIR *dir = opendir(folder);
        const struct dirent *e;
        bool found = false;

        cr_assert_not_null(dir);
        while ((e = readdir(dir)))
            found = found || e->d_name[0] != '.';
        closedir(dir);
        if (found == want)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return false;
}

/* SIGPIPE: `judge ... | head`. */
static void dies_cleanly_of(int number)
{
    char path[PATH_MAX];
    struct sandbox box;
    int status = 0;
    pid_t pid;

    sandbox_init(&box);
    judge_path(path);
    pid = fork();
    if (pid == 0) {
        setenv("TMPDIR", box.source, 1);
        signal(number, SIG_DFL);
        execl(path, "judge", "check", (char *)NULL);
        _exit(127);
    }
    cr_assert(folder_becomes(box.source, true));
    kill(pid, number);
    waitpid(pid, &status, 0);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == number, "status %d", status);
    cr_expect(folder_becomes(box.source, false));
    sandbox_deinit(&box);
}

Test(judge_main, a_signal_leaves_no_scratch_folder, .timeout = 400)
{
    dies_cleanly_of(SIGTERM);
    dies_cleanly_of(SIGPIPE);
}

/* True when somebody measures on this machine right now: `judge peaks` would wait for him. */
static bool machine_is_taken(void)
{
    int fd = open("/run/lock/pawl-measure.lock", O_RDONLY | O_CLOEXEC);
    bool taken = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;

    if (fd >= 0)
        close(fd);
    return taken;
}

Test(judge_main, peaks_are_readable_by_programs, .timeout = 400)
{
    struct strbuf output = {0};
    const char *json;
    json_t *value;
    int code;

    if (machine_is_taken())
        cr_skip_test("another measurement is under way on this machine");
    code = run_judge(".", "peaks", "--json", NULL, &output);
    cr_assert_eq(code, 0);
    json = strchr(strbuf_str(&output), '{'); /* behind what was said on standard error */
    cr_assert_not_null(json, "%s", strbuf_str(&output));
    value = json_loads(json, 0, NULL);
    cr_assert_not_null(value, "%s", strbuf_str(&output));
    cr_expect_eq(json_array_size(json_object_get(value, "rows")), 2);
    json_decref(value);
    strbuf_deinit(&output);
}
