/* SPDX-License-Identifier: Apache-2.0
 *
 * Repositories that are not as plain as the fixture's: the working tree, index and refs must be in
 * line after a win and after anything else all the same. */
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct fixture f;

static void setup(void)
{
    fixture_init(&f);
}

static void teardown(void)
{
    fixture_deinit(&f);
}

TestSuite(worktree, .init = setup, .fini = teardown);

/* A loss, then a win; both must leave everything clean and provable. */
static void loss_and_win(const char *winner)
{
    char before[REPO_HEX], after[REPO_HEX], text[512];

    fixture_rev(&f, "HEAD", before);
    fixture_experiment(&f, JUDGE_LOSS, "int lost;\n");
    fixture_rev(&f, "HEAD", after);
    cr_assert_str_eq(before, after);
    cr_assert(fixture_clean(&f), "not clean after a loss");
    fixture_experiment(&f, JUDGE_WIN, winner);
    fixture_rev(&f, "HEAD^1", after);
    cr_assert_str_eq(before, after);
    cr_assert(fixture_clean(&f), "not clean after a win");
    cr_assert_eq(fixture_audit(&f, text), 0, "%s", text);
}

static mode_t mode_of(const char *path)
{
    char full[PATH_MAX];
    struct stat st;

    snprintf(full, sizeof full, "%s/%s", f.repo, path);
    cr_assert_eq(stat(full, &st), 0);
    return st.st_mode & 0777;
}

static void set_mode(const char *path, mode_t mode)
{
    char full[PATH_MAX];

    snprintf(full, sizeof full, "%s/%s", f.repo, path);
    cr_assert_eq(chmod(full, mode), 0);
}

/* The fixture writes files anew with 0644, so the user's editor must keep the bit here. */
static void edit(const char *path, const char *text, mode_t mode)
{
    fixture_write(&f, path, text);
    set_mode(path, mode);
}

Test(worktree, keeps_the_executable_bit_of_a_kernel_file)
{
    set_mode("kernel/kernel.c", 0755);
    fixture_git(&f, "commit -qam executable", NULL);
    for (int win = 0; win < 2; win++) {
        f.verdict = win ? JUDGE_WIN : JUDGE_LOSS;
        edit("kernel/kernel.c", FIXTURE_FASTER, 0755);
        cr_assert_eq(fixture_try(&f, "make it faster", NULL), 0, "%s", err_message());
        cr_assert_eq(mode_of("kernel/kernel.c"), 0755);
        cr_assert(fixture_clean(&f));
    }
    fixture_remove(&f, "kernel/kernel.c"); /* a deletion that loses comes back with the bit */
    f.verdict = JUDGE_LOSS;
    cr_assert_eq(fixture_try(&f, "leave it out", NULL), 0, "%s", err_message());
    cr_assert_eq(mode_of("kernel/kernel.c"), 0755);
    cr_assert(fixture_clean(&f));
}

Test(worktree, does_not_commit_a_chmod_with_a_win)
{
    struct strbuf out = {0};

    f.verdict = JUDGE_WIN;
    edit("kernel/kernel.c", FIXTURE_FASTER, 0755);
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), 0, "%s", err_message());
    fixture_git(&f, "ls-tree HEAD kernel/kernel.c", &out);
    cr_assert_eq(strncmp(out.data, "100644", 6), 0, "%s", out.data);
    strbuf_clear(&out);
    fixture_git(&f, "diff --summary", &out);
    cr_assert(strstr(strbuf_str(&out), "mode change 100644 => 100755"), "%s", strbuf_str(&out));
    strbuf_clear(&out);
    fixture_git(&f, "diff --cached --stat", &out);
    cr_assert_eq(out.len, 0, "%s", strbuf_str(&out));
    strbuf_deinit(&out);
}

Test(worktree, works_on_a_branch_with_slashes_and_packed_refs)
{
    fixture_git(&f, "switch -q -c topic/fast/er", NULL);
    fixture_git(&f, "pack-refs --all", NULL);
    loss_and_win(FIXTURE_FASTER);
    fixture_git(&f, "pack-refs --all --prune", NULL);
    fixture_git(&f, "gc -q --prune=now", NULL);
    loss_and_win("int faster_still;\n");
    cr_assert_eq(fixture_rows(&f), 4);
}

Test(worktree, works_in_a_folder_with_spaces)
{
    char moved[80];

    snprintf(moved, sizeof moved, "%s/a repo", f.dir);
    cr_assert_eq(rename(f.repo, moved), 0);
    memcpy(f.repo, moved, sizeof moved);
    loss_and_win(FIXTURE_FASTER);
}

Test(worktree, works_beside_a_submodule)
{
    fixture_git(&f, "init -q ../module", NULL);
    fixture_git(&f, "-C ../module -c user.name=T -c user.email=t@t commit -q --allow-empty -m m",
                NULL);
    fixture_git(&f, "-c protocol.file.allow=always submodule add -q ../module extern/module", NULL);
    fixture_git(&f, "commit -qm submodule", NULL);
    loss_and_win(FIXTURE_FASTER);
}

Test(worktree, leaves_what_was_staged_apart_from_the_file)
{
    struct strbuf out = {0};

    f.verdict = JUDGE_LOSS;
    fixture_write(&f, "kernel/kernel.c", "int staged;\n");
    fixture_git(&f, "add kernel", NULL);
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), 0, "%s", err_message());
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", FIXTURE_KERNEL));
    fixture_git(&f, "show :kernel/kernel.c", &out);
    cr_assert_str_eq(out.data, "int staged;\n");
    strbuf_deinit(&out);
}

Test(worktree, refuses_files_that_git_would_not_commit_byte_for_byte)
{
    fixture_git(&f, "config core.autocrlf true", NULL);
    loss_and_win(FIXTURE_FASTER); /* line feeds alone: the bytes are the same */
    f.n_trials = 0;
    fixture_write(&f, "kernel/kernel.c", "int carriage;\r\n");
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "byte for byte"), "%s", err_message());
    cr_assert_eq(f.n_trials, 0);
    fixture_git(&f, "config core.autocrlf false", NULL);
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), 0, "%s", err_message());
    cr_assert_eq(f.n_trials, 1);
}
