/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static struct fixture f;

static void setup(void)
{
    fixture_init(&f);
    f.verdict = JUDGE_WIN;
}

static void teardown(void)
{
    fixture_deinit(&f);
}

TestSuite(scope, .init = setup, .fini = teardown);

/* The try must be refused with `words` in the message, nothing judged, recorded or touched. */
static void refused(const char *words)
{
    char head[REPO_HEX], after[REPO_HEX];

    fixture_rev(&f, "HEAD", head);
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), ERR_CONFLICT, "not refused: %s", words);
    cr_assert(strstr(err_message(), words), "the message should say '%s': %s", words,
              err_message());
    fixture_rev(&f, "HEAD", after);
    cr_assert_str_eq(head, after);
    cr_assert_eq(f.n_trials, 0);
    cr_assert_eq(fixture_rows(&f), 0);
}

Test(scope, refuses_a_change_of_the_judge)
{
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    fixture_write(&f, "judge/judge.c", "int bribed;\n");
    refused("judge/judge.c");
    cr_assert(fixture_file_is(&f, "judge/judge.c", "int bribed;\n"));
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", FIXTURE_FASTER));
}

Test(scope, refuses_a_staged_change_of_the_reference)
{
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    fixture_write(&f, "reference/base/oracle.c", "int lies;\n");
    fixture_git(&f, "add reference", NULL);
    refused("reference/base/oracle.c");
}

Test(scope, refuses_kernel_h_and_module_mk)
{
    fixture_write(&f, "kernel/kernel.h", "/* looser */\n");
    refused("kernel/kernel.h");
    fixture_git(&f, "checkout -q kernel/kernel.h", NULL);
    fixture_write(&f, "kernel/module.mk", "CFLAGS = -Ofast\n");
    refused("kernel/module.mk");
}

Test(scope, refuses_any_other_tracked_change)
{
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    fixture_write(&f, "README.md", "other\n");
    refused("README.md");
    fixture_git(&f, "checkout -q README.md", NULL);
    fixture_remove(&f, "judge/kernel.flags");
    refused("judge/kernel.flags");
}

Test(scope, refuses_untracked_files_in_sealed_folders)
{
    static const char *const paths[] = {"judge/new.h", "reference/base/new.c", "kernel/notes.txt",
                                        "kernel/kernel/kernel.h"};

    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        fixture_write(&f, paths[i], "x\n");
        refused(paths[i]);
        fixture_remove(&f, paths[i]);
    }
}

Test(scope, allows_unrelated_untracked_files_and_editor_droppings)
{
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    fixture_write(&f, "notes.txt", "mine\n");
    fixture_write(&f, "kernel/kernel.c~", "backup\n");
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), 0, "%s", err_message());
    cr_assert(fixture_file_is(&f, "notes.txt", "mine\n"));
}

Test(scope, says_when_there_is_nothing_to_try)
{
    refused("nothing to try");
}

Test(scope, refuses_a_detached_head_and_an_unfinished_merge)
{
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    fixture_git(&f, "checkout -q --detach", NULL);
    refused("detached");
    fixture_git(&f, "checkout -q main", NULL);
    fixture_write(&f, ".git/MERGE_HEAD", "0123456789012345678901234567890123456789\n");
    refused("merge");
}

Test(scope, refuses_a_branch_without_commits)
{
    struct ratchet_try_options o = {.hypothesis = "first"};
    struct ratchet_result result;
    struct ratchet *r;

    fixture_git(&f, "init -q -b main fresh", NULL);
    strcat(f.repo, "/fresh");
    r = fixture_open(&f);
    cr_assert_eq(ratchet_try(r, &o, &result), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "no commit yet"), "%s", err_message());
    ratchet_close(&r);
}

Test(scope, refuses_a_bare_repository_and_no_repository)
{
    struct ratchet *r = NULL;
    char path[96];

    fixture_git(&f, "clone -q --bare . bare", NULL);
    snprintf(path, sizeof path, "%s/bare", f.repo);
    cr_assert_eq(ratchet_open(path, &f.judge, NULL, &r), ERR_UNSUPPORTED);
    cr_assert_null(r);
    cr_assert_eq(ratchet_open(f.dir, &f.judge, NULL, &r), ERR_IO);
    cr_assert_null(r);
}

Test(scope, refuses_a_judge_built_from_other_sources)
{
    fixture_write(&f, "judge/judge.c", "int stricter;\n");
    fixture_git(&f, "commit -qam stricter", NULL);
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    refused("rebuild");
}

Test(scope, refuses_a_kernel_file_that_is_a_link)
{
    fixture_remove(&f, "kernel/kernel.c");
    cr_assert_eq(chdir(f.repo), 0);
    cr_assert_eq(symlink("../README.md", "kernel/kernel.c"), 0);
    refused("no regular file");
}

Test(scope, computes_the_hash_that_the_script_computes)
{
    char *argv[] = {"sh", "-c",
                    "find judge reference kernel/kernel.h -type f ! -name '*~' ! -name '.*' |"
                    " LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1",
                    NULL};
    struct strbuf out = {0};

    cr_assert_eq(process_run(argv, f.repo, 20, &out), 0);
    cr_assert_eq(strncmp(out.data, f.hash, 64), 0, "%s", out.data);
    strbuf_deinit(&out);
}
