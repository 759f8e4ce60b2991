/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/confine.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/judge/sandbox.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct sandbox box;
static struct confine rules;
static struct strbuf said;

static void setup(void)
{
    sandbox_init(&box);
    cr_assert_eq(file_make_dirs(box.source), 0);
    cr_assert_eq(confine_init(&rules, box.source, "/bin/sh"), 0, "%s", err_message());
}

static void teardown(void)
{
    confine_deinit(&rules);
    strbuf_deinit(&said);
    sandbox_deinit(&box);
}

TestSuite(confine, .init = setup, .fini = teardown);

static int run(const char *script)
{
    char shell[] = "/bin/sh", option[] = "-c", text[4096];
    char *argv[] = {shell, option, text, NULL};
    int rc;

    strcpy(text, script);
    rc = confine_run(&rules, argv, box.source, &said);
    strbuf_add(&said, "", 0);
    return rc;
}

Test(confine, a_command_sees_its_folder_and_the_tools_and_nothing_else)
{
    char script[4096];

    if (rules.ruleset < 0)
        cr_skip_test("no Landlock here: %s", rules.unavailable);
    cr_expect_eq(run("echo hello >own && cat own"), 0);
    cr_expect_str_eq(said.data, "hello\n");
    cr_expect_neq(run("cat /etc/passwd"), 0);
    cr_expect_neq(run("ls /tmp"), 0);
    cr_expect_neq(run("cat /proc/self/environ"), 0);
    snprintf(script, sizeof script, "echo x >%s/outside", box.folder);
    cr_expect_neq(run(script), 0);
    snprintf(script, sizeof script, "ln -s /etc/passwd link; cat link");
    cr_expect_neq(run(script), 0);
    cr_expect_neq(run("ln /bin/sh twin"), 0);
}

Test(confine, the_environment_is_clean)
{
    char wanted[PATH_MAX + 32];

    setenv("CPATH", "/tmp", 1);
    setenv("GCC_EXEC_PREFIX", "/tmp/", 1);
    cr_expect_eq(run("/usr/bin/env | grep -v ^PWD= | grep -v ^_= | grep -v ^SHLVL= | sort"), 0);
    snprintf(wanted, sizeof wanted, "LANG=C\nPATH=%s\nTMPDIR=%s\n", getenv("PATH"), box.source);
    cr_expect_str_eq(said.data, wanted);
}

Test(confine, nothing_is_inherited_and_nothing_can_be_typed)
{
    int ends[2];
    char script[64];

    cr_assert_eq(pipe(ends), 0);
    snprintf(script, sizeof script, "echo x >&%d", ends[1]);
    cr_expect_neq(run(script), 0);
    cr_expect_eq(run("read x; test -z \"$x\""), 0);
}

Test(confine, resources_are_limited)
{
    cr_expect_eq(run("ulimit -t; ulimit -v; ulimit -c; ulimit -f"), 0);
    cr_expect_str_eq(said.data, "150\n2097152\n0\n262144\n");
    strbuf_clear(&said);
    cr_expect_eq(run("kill -9 $$"), 128 + 9);
}

Test(confine, two_jobs_run_at_the_same_time)
{
    char shell[] = "/bin/sh", option[] = "-c";
    char first[] = "read x <fifo; echo got $x", second[] = "echo word >fifo";
    char *one[] = {shell, option, first, NULL}, *two[] = {shell, option, second, NULL};
    struct confine_job jobs[2];

    cr_assert_eq(run("mkfifo fifo"), 0, "%s", said.data);
    cr_assert_eq(confine_start(&rules, one, box.source, &jobs[0]), 0);
    cr_assert_eq(confine_start(&rules, two, box.source, &jobs[1]), 0);
    cr_expect_eq(confine_wait(&jobs[0], &said), 0);
    cr_expect_eq(confine_wait(&jobs[1], &said), 0);
    cr_expect_str_eq(said.data, "got word\n");
}
