/* SPDX-License-Identifier: Apache-2.0
 *
 * Which commits a revision names, and what changed between two of them. */
#include "ratchet/history/kernel_diff.h"
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <string.h>

static struct fixture f;

static void begin(void)
{
    fixture_init(&f);
}

static void end(void)
{
    fixture_deinit(&f);
}

TestSuite(history_diff, .init = begin, .fini = end);

static int diff(const char *a, const char *b, struct history_diff *out)
{
    struct ratchet *r = fixture_open(&f);
    int rc = history_diff(r, a, b, out);

    ratchet_close(&r);
    return rc;
}

#define LINES "1;\n2;\n3;\n4;\n5;\n6;\n7;\n8;\n"

/* Win 1, loss 2 on it, an ordinary commit, win 3. */
static void history(void)
{
    fixture_experiment(&f, JUDGE_WIN, LINES "/* faster */\nint kernel_fn = 2;\n" LINES);
    fixture_experiment(&f, JUDGE_LOSS, LINES "/* slower */\nint kernel_fn = 3;\n" LINES);
    fixture_write(&f, "README.md", "nothing of the kernel\n");
    fixture_git(&f, "commit -qam ordinary", NULL);
    fixture_experiment(&f, JUDGE_WIN, "/* fastest */\nint kernel_fn = 4;\n");
}

Test(history_diff, an_attempt_against_what_it_was_tried_on_is_the_patch_git_sees)
{
    struct strbuf want = {0};
    struct history_diff d;

    history();
    cr_assert_eq(diff("2^", "2", &d), 0, "%s", err_message());
    fixture_git(&f, "diff refs/pawl/attempts/2^ refs/pawl/attempts/2", &want);
    cr_assert_str_eq(strbuf_str(&d.patch), want.data);
    cr_assert_eq(d.n_files, 1);
    cr_assert_str_eq(d.files[0].path, "kernel/kernel.c");
    cr_assert_eq(d.files[0].status, 'M');
    cr_assert_eq(d.n_added, 2);
    cr_assert_eq(d.n_removed, 2);
    cr_assert_eq(d.b.experiment, 2);
    history_diff_deinit(&d);
    strbuf_deinit(&want);
}

Test(history_diff, first_and_head_name_the_ends_and_other_files_stay_out)
{
    struct history_diff d;

    history();
    cr_assert_eq(diff("first", "HEAD", &d), 0, "%s", err_message());
    cr_assert_eq(d.n_files, 1, "README.md and results.tsv are no kernel files");
    cr_assert(strstr(d.patch.data, "-/* first */"));
    cr_assert(strstr(d.patch.data, "+/* fastest */"));
    history_diff_deinit(&d);
    cr_assert_eq(diff("3", "HEAD", &d), 0);
    cr_assert_eq(d.n_files, 0, "the win's tree is its attempt's");
    cr_assert_eq(d.patch.len, 0);
    history_diff_deinit(&d);
}

Test(history_diff, a_renamed_file_is_one_file)
{
    static const char text[] = "/* one */\n/* two */\n/* three */\n/* four */\n/* five */\n";
    struct history_diff d;

    fixture_write(&f, "kernel/part.inc", text);
    fixture_git(&f, "commit -qam longer", NULL);
    fixture_git(&f, "mv kernel/part.inc kernel/renamed.inc", NULL);
    fixture_write(&f, "kernel/renamed.inc",
                  "/* one */\n/* two */\n/* three! */\n/* four */\n/* five */\n");
    fixture_git(&f, "commit -qam rename", NULL);
    cr_assert_eq(diff("HEAD~1", "HEAD", &d), 0, "%s", err_message());
    cr_assert_eq(d.n_files, 1);
    cr_assert_eq(d.files[0].status, 'R');
    cr_assert_str_eq(d.files[0].old_path, "kernel/part.inc");
    cr_assert_str_eq(d.files[0].path, "kernel/renamed.inc");
    cr_assert_eq(d.n_added, 1);
    cr_assert_eq(d.n_removed, 1);
    history_diff_deinit(&d);
}

Test(history_diff, bytes_that_are_no_text_of_today_still_make_json)
{
    struct history_diff d;
    json_t *o;

    fixture_experiment(&f, JUDGE_LOSS, "/* caf\xe9 */\n");
    cr_assert_eq(diff("1^", "1", &d), 0, "%s", err_message());
    o = history_diff_json(&d);
    cr_assert(strstr(json_string_value(json_object_get(o, "patch")), "+/* caf? */"));
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(o, "b"), "experiment")), 1);
    cr_assert(json_is_null(json_object_get(json_object_get(o, "a"), "experiment")),
              "what it was tried on is nobody's attempt");
    json_decref(o);
    history_diff_deinit(&d);
}

Test(history_diff, what_names_nothing_is_refused_and_named)
{
    static const char *const bad[] = {"4", "0", "4^", "nonsense", "", "HEAD:kernel/kernel.c"};

    history();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct history_diff d;

        cr_expect_eq(diff(bad[i], "HEAD", &d), ERR_USAGE, "'%s'", bad[i]);
        cr_expect(strstr(err_message(), strcmp(bad[i], "4^") == 0 ? "4" : bad[i]), "%s",
                  err_message());
        history_diff_deinit(&d);
    }
}

Test(history_diff, without_experiments_there_is_no_first_kernel)
{
    struct history_diff d;

    cr_assert_eq(diff("first", "HEAD", &d), ERR_CONFLICT);
    history_diff_deinit(&d);
}

Test(history_diff, a_commit_that_is_not_here_is_named_with_the_remedy)
{
    struct history_diff d;

    history();
    fixture_git(&f, "update-ref -d refs/pawl/attempts/2", NULL);
    fixture_git(&f, "update-ref -d refs/heads/ratchet-log", NULL);
    fixture_git(&f, "checkout -q --orphan alone", NULL);
    fixture_git(&f, "commit -qm alone", NULL);
    fixture_git(&f, "branch -D main", NULL);
    fixture_git(&f, "update-ref -d refs/pawl/attempts/1", NULL);
    fixture_git(&f, "update-ref -d refs/pawl/attempts/3", NULL);
    fixture_git(&f, "reflog expire --expire=now --all", NULL);
    fixture_git(&f, "gc -q --prune=now", NULL);
    cr_assert_eq(diff("2^", "2", &d), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "experiment 2 was tried on"), "%s", err_message());
    cr_assert(strstr(err_message(), "ratchet-log"), "%s", err_message());
    history_diff_deinit(&d);
}
