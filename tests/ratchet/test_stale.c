/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes that were made against a commit which is HEAD no longer, before the try or during it. */
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <string.h>

#define LINES(first, last) "int first = " first ";\n\n\n/* far */\n\n\nint last = " last ";\n"
#define OLD                LINES("1", "1")
#define OURS               LINES("2", "1")
#define THEIRS             LINES("1", "2")
#define BOTH               LINES("2", "2")

static struct fixture f;
static char base[REPO_HEX];

static void setup(void)
{
    fixture_init(&f);
    fixture_write(&f, "kernel/kernel.c", OLD);
    fixture_git(&f, "commit -qam lines", NULL);
    fixture_rev(&f, "HEAD", base);
}

static void teardown(void)
{
    char text[512];

    cr_assert_eq(fixture_audit(&f, text), 0, "audit: %s", text);
    fixture_deinit(&f);
}

TestSuite(stale, .init = setup, .fini = teardown);

static void head_has(const char *kernel)
{
    struct strbuf out = {0};

    fixture_git(&f, "show HEAD:kernel/kernel.c", &out);
    cr_assert_str_eq(out.data, kernel);
    strbuf_deinit(&out);
}

static void commit_kernel(const char *path, const char *text)
{
    fixture_write(&f, path, text);
    fixture_git(&f, "add -A", NULL);
    fixture_git(&f, "commit -q -m elsewhere", NULL);
}

static int try_base(const char *folder, const char *against, struct ratchet_result *out)
{
    struct ratchet_try_options o = {
        .hypothesis = "make it faster", .folder = folder, .base = against};
    struct ratchet *r = fixture_open(&f);
    int rc = ratchet_try(r, &o, out);

    ratchet_close(&r);
    return rc;
}

static int64_t detail_of(int64_t n, const char *key, char text[64])
{
    struct ratchet *r = fixture_open(&f);
    struct strbuf raw = {0};
    const json_t *value;
    int64_t number;
    json_t *json;

    cr_assert_eq(ledger_details(r->ledger, n, &raw), 1);
    json = json_loads(raw.data, 0, NULL);
    value = json_object_get(json, key);
    snprintf(text, 64, "%s", json_is_string(value) ? json_string_value(value) : "");
    number = json_integer_value(value);
    json_decref(json);
    strbuf_deinit(&raw);
    ratchet_close(&r);
    return number;
}

/* --- made against an older commit --- */

Test(stale, is_merged_onto_head_from_the_working_tree)
{
    struct ratchet_result res;
    char text[64];

    for (int win = 0; win < 2; win++) {
        f.verdict = win ? JUDGE_WIN : JUDGE_LOSS;
        if (!win)
            commit_kernel("kernel/kernel.c", OURS);
        fixture_write(&f, "kernel/kernel.c", THEIRS);
        cr_assert_eq(try_base(NULL, base, &res), 0, "%s", err_message());
        cr_assert_eq(res.applied, win == 1);
        cr_assert(strstr(res.row.reason, "and merged"), "%s", res.row.reason);
        ratchet_result_deinit(&res);
        head_has(win ? BOTH : OURS);
        cr_assert(fixture_file_is(&f, "kernel/kernel.c", win ? BOTH : OURS));
        cr_assert(fixture_clean(&f));
        detail_of(win + 1, "base", text);
        cr_assert_str_eq(text, base);
    }
}

Test(stale, is_merged_onto_head_from_a_folder)
{
    struct ratchet_result res;
    char folder[80];

    snprintf(folder, sizeof folder, "%s/elsewhere", f.dir);
    fixture_write(&f, "../elsewhere/kernel/kernel.c", THEIRS);
    fixture_write(&f, "../elsewhere/kernel/part.inc", "/* part */\n");
    commit_kernel("kernel/kernel.c", OURS);
    commit_kernel("kernel/more.inc", "/* came with HEAD, not deleted by the folder */\n");
    f.verdict = JUDGE_WIN;
    cr_assert_eq(try_base(folder, base, &res), 0, "%s", err_message());
    cr_assert(res.applied);
    ratchet_result_deinit(&res);
    head_has(BOTH);
    cr_assert(fixture_exists(&f, "kernel/more.inc"));
    cr_assert(fixture_clean(&f));
}

Test(stale, is_refused_where_both_changed_the_same_and_nothing_is_lost)
{
    struct ratchet_result res;

    commit_kernel("kernel/kernel.c", OURS);
    fixture_write(&f, "kernel/kernel.c", LINES("3", "1"));
    fixture_write(&f, "kernel/part.inc", "/* mine */\n");
    cr_assert_eq(try_base(NULL, base, &res), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "kernel/kernel.c") && !strstr(err_message(), "part.inc"), "%s",
              err_message());
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", LINES("3", "1")));
    cr_assert(fixture_file_is(&f, "kernel/part.inc", "/* mine */\n"));
    cr_assert_eq(fixture_rows(&f), 0);
    cr_assert_eq(f.n_trials, 0);
}

Test(stale, is_refused_when_head_has_it_already_and_when_there_is_no_such_base)
{
    struct ratchet_result res;

    commit_kernel("kernel/kernel.c", OURS);
    cr_assert_eq(try_base(NULL, base, &res), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "once merged"), "%s", err_message());
    cr_assert_eq(try_base(NULL, "no-such-thing", &res), ERR_USAGE);
    cr_assert(strstr(err_message(), "no-such-thing"), "%s", err_message());
    cr_assert_eq(f.n_trials, 0);
}

Test(stale, base_may_be_head_itself_in_any_spelling)
{
    struct ratchet_result res;
    char text[64];

    fixture_write(&f, "kernel/kernel.c", THEIRS);
    f.verdict = JUDGE_WIN;
    cr_assert_eq(try_base(NULL, "HEAD", &res), 0, "%s", err_message());
    cr_assert(res.applied);
    cr_assert_null(strstr(res.row.reason, "merged"));
    ratchet_result_deinit(&res);
    detail_of(1, "base", text);
    cr_assert_str_eq(text, "");
}

/* --- a branch that moves while its change is judged --- */

/* Commits on a branch elsewhere, then lets main jump there while judging: once for each name. */
static const char *jumps[4];

static void elsewhere(const char *name, const char *path, const char *text)
{
    char args[64];

    snprintf(args, sizeof args, "checkout -q -b %s", name);
    fixture_git(&f, args, NULL);
    commit_kernel(path, text);
    fixture_git(&f, "checkout -q main", NULL);
}

static void jump(struct fixture *fx)
{
    char args[96];

    if (fx->n_trials > 4 || !jumps[fx->n_trials - 1])
        return;
    snprintf(args, sizeof args, "update-ref refs/heads/main refs/heads/%s",
             jumps[fx->n_trials - 1]);
    fixture_git(fx, args, NULL);
}

static void try_while_it_moves(const char *kernel, struct ratchet_result *res)
{
    f.during = jump;
    fixture_write(&f, "kernel/kernel.c", kernel);
    cr_assert_eq(fixture_try(&f, "make it faster", res), 0, "%s", err_message());
}

Test(stale, win_goes_on_top_of_a_commit_that_left_the_kernel_alone)
{
    struct ratchet_result res;
    char parent[REPO_HEX], want[REPO_HEX];

    elsewhere("docs", "README.md", "better\n");
    jumps[0] = "docs";
    f.verdict = JUDGE_WIN;
    try_while_it_moves(THEIRS, &res);
    cr_assert(res.applied, "%s", res.what_happened);
    cr_assert(strstr(res.what_happened, "with the same kernel"), "%s", res.what_happened);
    ratchet_result_deinit(&res);
    fixture_rev(&f, "HEAD^1", parent);
    fixture_rev(&f, "docs", want);
    cr_assert_str_eq(parent, want);
    head_has(THEIRS);
    cr_assert_eq(f.n_trials, 1);
    cr_assert_eq(fixture_rows(&f), 1);
}

Test(stale, loser_is_put_back_under_a_commit_that_left_the_kernel_alone)
{
    struct ratchet_result res;

    elsewhere("docs", "README.md", "better\n");
    jumps[0] = "docs";
    f.verdict = JUDGE_LOSS;
    try_while_it_moves(THEIRS, &res);
    ratchet_result_deinit(&res);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", OLD));
}

Test(stale, win_is_judged_again_on_another_kernel)
{
    struct ratchet_result res;
    char text[64];

    elsewhere("other", "kernel/kernel.c", OURS);
    jumps[0] = "other";
    f.verdict = JUDGE_WIN;
    try_while_it_moves(THEIRS, &res);
    cr_assert(res.applied, "%s", res.what_happened);
    cr_assert_eq(res.row.experiment, 2);
    cr_assert(strstr(res.row.reason, "experiment 1 merged"), "%s", res.row.reason);
    ratchet_result_deinit(&res);
    head_has(BOTH);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", BOTH));
    cr_assert_eq(f.n_trials, 2);
    cr_assert_eq(fixture_rows(&f), 2);
    cr_assert_eq(detail_of(2, "again_of", text), 1);
}

static void win_once(struct fixture *fx)
{
    jump(fx);
    fx->verdict = fx->n_trials == 1 ? JUDGE_WIN : JUDGE_LOSS;
}

Test(stale, win_that_loses_on_another_kernel_is_put_back_to_that)
{
    struct ratchet_result res;

    elsewhere("other", "kernel/kernel.c", OURS);
    jumps[0] = "other";
    f.during = win_once;
    fixture_write(&f, "kernel/kernel.c", THEIRS);
    cr_assert_eq(fixture_try(&f, "make it faster", &res), 0, "%s", err_message());
    cr_assert_not(res.applied);
    cr_assert_str_eq(res.row.verdict, "LOSS");
    ratchet_result_deinit(&res);
    head_has(OURS);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", OURS));
    cr_assert_eq(fixture_rows(&f), 2);
}

Test(stale, win_is_kept_where_it_does_not_merge)
{
    struct ratchet_result res;

    elsewhere("other", "kernel/kernel.c", LINES("1", "3"));
    jumps[0] = "other";
    f.verdict = JUDGE_WIN;
    try_while_it_moves(THEIRS, &res);
    cr_assert_not(res.applied);
    cr_assert(strstr(res.what_happened, "no longer at"), "%s", res.what_happened);
    cr_assert(strstr(res.what_happened, "same lines of kernel/kernel.c"), "%s", res.what_happened);
    ratchet_result_deinit(&res);
    head_has(LINES("1", "3"));
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", THEIRS));
    cr_assert_eq(f.n_trials, 1);
    cr_assert_eq(fixture_rows(&f), 1);
}

Test(stale, win_is_kept_when_the_judge_changed_meanwhile)
{
    struct ratchet_result res;

    elsewhere("stricter", "judge/judge.c", "int stricter;\n");
    jumps[0] = "stricter";
    f.verdict = JUDGE_WIN;
    try_while_it_moves(THEIRS, &res);
    cr_assert_not(res.applied);
    cr_assert(strstr(res.what_happened, "rebuild"), "%s", res.what_happened);
    ratchet_result_deinit(&res);
    head_has(OLD);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", THEIRS));
}

Test(stale, gives_up_on_a_branch_that_moves_every_time)
{
    struct ratchet_result res;

    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"one", "two", "three"};
        static const char *const texts[] = {"/* 1 */\n", "/* 2 */\n", "/* 3 */\n"};

        elsewhere(names[i], "kernel/part.inc", texts[i]);
        jumps[i] = names[i];
    }
    f.verdict = JUDGE_WIN;
    try_while_it_moves(THEIRS, &res);
    cr_assert_not(res.applied);
    cr_assert(strstr(res.what_happened, "no longer at"), "%s", res.what_happened);
    ratchet_result_deinit(&res);
    cr_assert_eq(f.n_trials, 3);
    cr_assert_eq(fixture_rows(&f), 3);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", THEIRS));
}
