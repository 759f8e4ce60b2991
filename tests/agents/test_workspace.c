/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/workspace.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "tests/ratchet/ratchet_fixture.h"

#include <criterion/criterion.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct yard {
    struct fixture f;
    struct ratchet *r;
    struct workspace w;
};

static void yard_init(struct yard *y)
{
    struct strbuf place = {0};

    fixture_init(&y->f);
    setenv("XDG_CACHE_HOME", y->f.dir, 1);
    y->r = fixture_open(&y->f);
    workspace_place("test", &place);
    workspace_name(place.data, &y->w);
    strbuf_deinit(&place);
    cr_assert_eq(workspace_fill(y->r, &y->w), 0, "%s", err_message());
}

static void yard_deinit(struct yard *y)
{
    cr_assert_eq(workspace_remove(&y->w), 0, "%s", err_message());
    cr_assert_neq(access(y->w.base.data, F_OK), 0);
    workspace_deinit(&y->w);
    ratchet_close(&y->r);
    fixture_deinit(&y->f);
}

/* A line of shell in the workspace. */
static void do_there(struct yard *y, const char *line)
{
    struct strbuf out = {0};
    int rc = process_run((char *const[]){"sh", "-c", (char *)(size_t)line, NULL}, y->w.tree.data,
                         60, &out);

    cr_assert_eq(rc, 0, "%s: %s", line, strbuf_str(&out));
    strbuf_deinit(&out);
}

static struct workspace_change look(struct yard *y)
{
    struct workspace_change c;

    cr_assert_eq(workspace_look(y->r, &y->w, &c), 0, "%s", err_message());
    return c;
}

/* After `line`, exactly `outside` is found to have changed beside the mutable files. */
static void expect_outside(const char *line, const char *outside)
{
    struct workspace_change c;
    struct yard y;

    yard_init(&y);
    do_there(&y, line);
    c = look(&y);
    cr_assert_str_eq(c.outside.data, outside, "%s: %s", line, c.outside.data);
    strbuf_deinit(&c.outside);
    yard_deinit(&y);
}

Test(workspace, holds_heads_files_and_only_the_mutable_ones_are_writable)
{
    struct workspace_change c;
    char digest[SHA256_HEX];
    git_tree *tree = NULL;
    struct stat st;
    struct yard y;

    fixture_init(&y.f);
    fixture_write(&y.f, "kernel/kernel.c", "int not_committed;\n");
    fixture_deinit(&y.f);
    yard_init(&y);
    do_there(&y, "grep -q first kernel/kernel.c && test -f README.md && test ! -e .git");
    c = look(&y);
    cr_assert_not(c.changed);
    cr_assert_str_eq(c.outside.data, "");
    cr_assert_eq(repo_tree_of(y.r->repo, &y.w.head, &tree), 0);
    cr_assert_eq(repo_kernel_digest(y.r->repo, tree, digest), 0);
    cr_assert_str_eq(c.kernel, digest);
    do_there(&y, "test $(stat -c %a kernel/kernel.h) = 444 && test $(stat -c %a kernel/part.inc) = "
                 "644");
    cr_assert_eq(stat(y.w.scratch.data, &st), 0);
    git_tree_free(tree);
    strbuf_deinit(&c.outside);
    yard_deinit(&y);
}

Test(workspace, sees_a_change_an_addition_and_a_removal_of_mutable_files)
{
    static const char *const lines[] = {"echo '/* more */' >>kernel/kernel.c",
                                        "echo '/* new */' >kernel/new.inc", "rm kernel/part.inc"};
    char before[SHA256_HEX];

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct workspace_change c;
        struct yard y;

        yard_init(&y);
        cr_assert_eq(workspace_kernel(&y.w, before), 0);
        do_there(&y, lines[i]);
        c = look(&y);
        cr_assert(c.changed, "%s", lines[i]);
        cr_assert_str_eq(c.outside.data, "", "%s", lines[i]);
        cr_assert_str_neq(c.kernel, before);
        strbuf_deinit(&c.outside);
        yard_deinit(&y);
    }
}

Test(workspace, names_whatever_else_changed)
{
    expect_outside("chmod u+w kernel/kernel.h; echo >>kernel/kernel.h",
                   "kernel/kernel.h was changed");
    expect_outside("echo x >kernel/extra.h", "kernel/extra.h is new");
    expect_outside("rm -f README.md", "README.md is gone");
    expect_outside("rm -f judge/judge.c; ln -s ../README.md judge/judge.c",
                   "judge/judge.c was changed");
    expect_outside("rm -f judge/judge.c; mkfifo judge/judge.c",
                   "judge/judge.c is no file any more");
    expect_outside("rm -f kernel/part.inc; ln -s kernel.c kernel/part.inc",
                   "kernel/part.inc is no regular file");
    expect_outside("mkfifo kernel/pipe.inc", "kernel/pipe.inc is no regular file");
    expect_outside("truncate -s 5M kernel/part.inc", "kernel/part.inc is larger than 4 MiB");
    expect_outside("for i in $(seq 70); do : >kernel/f$i.inc; done",
                   "kernel holds too many files (64 with those of HEAD that are gone)");
    expect_outside("rm kernel/*.c kernel/*.inc; for i in $(seq 63); do : >kernel/f$i.inc; done",
                   "kernel holds too many files (64 with those of HEAD that are gone)");
    expect_outside("mkdir kernel/x.inc", "kernel/x.inc is no regular file");
    expect_outside(
        "d=kernel; for i in $(seq 40); do d=$d/d; done; mkdir -p $d",
        "kernel/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d is too deep "
        "a folder");
    expect_outside("rm -rf kernel; ln -s judge kernel",
                   "kernel was changed, kernel/kernel.h is gone, kernel/module.mk is gone");
}

Test(workspace, takes_no_name_that_a_try_does_not)
{
    struct workspace_change c;
    struct yard y;

    yard_init(&y);
    do_there(&y, ": >kernel/$(printf %0250d 7).inc");
    c = look(&y);
    cr_assert(strstr(c.outside.data, "7.inc has too long a name"), "%s", c.outside.data);
    strbuf_deinit(&c.outside);
    yard_deinit(&y);
}

/* Modes are for those without privileges. */
Test(workspace, names_what_cannot_be_read)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};

    cr_assert_eq(syscall(SYS_capset, &header, none), 0);
    expect_outside("chmod 000 kernel/kernel.c", "kernel/kernel.c cannot be read");
    expect_outside("chmod 000 kernel/kernel.h", "kernel/kernel.h cannot be read");
    expect_outside("chmod 000 judge", "judge cannot be read");
    expect_outside("mkdir -m 0 kernel/d", "kernel/d cannot be read");
}

Test(workspace, passes_over_what_tools_leave_lying_about)
{
    expect_outside("echo x >.history; mkdir .cache && echo y >.cache/z; echo x >kernel/.swp", "");
}

Test(workspace, is_removed_whatever_was_left_in_it)
{
    struct yard y;

    yard_init(&y);
    do_there(&y, "cd kernel; for i in $(seq 60); do mkdir " /* far past PATH_MAX */
                 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd;"
                 " cd dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
                 "dddd; done; echo deep >file");
    do_there(&y, "mkdir kernel/shut && echo x >kernel/shut/x && chmod 000 kernel/shut");
    yard_deinit(&y);
}
