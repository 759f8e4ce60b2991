/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fixture f;

static void setup(void)
{
    fixture_init(&f);
}

static void teardown(void)
{
    fixture_deinit(&f);
}

TestSuite(try, .init = setup, .fini = teardown);

static void audit_passes(void)
{
    char text[512];

    cr_assert_eq(fixture_audit(&f, text), 0, "%s", text);
}

static void git_says(const char *args, const char *want)
{
    struct strbuf out = {0};

    fixture_git(&f, args, &out);
    cr_assert(strstr(strbuf_str(&out), want), "git %s should say '%s': %s", args, want,
              strbuf_str(&out));
    strbuf_deinit(&out);
}

Test(try, commits_a_win_and_leaves_everything_in_line)
{
    struct ratchet_result res;
    char parent[REPO_HEX], now[REPO_HEX], log[REPO_HEX], second[REPO_HEX];

    f.verdict = JUDGE_WIN;
    fixture_rev(&f, "HEAD", parent);
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert_eq(fixture_try(&f, "keep scales in registers", &res), 0, "%s", err_message());
    cr_assert(res.applied && res.recorded && !res.unable);
    cr_assert(f.saw_committed);
    fixture_rev(&f, "HEAD", now);
    cr_assert_str_eq(now, res.win);
    fixture_rev(&f, "HEAD^1", now);
    cr_assert_str_eq(now, parent);
    fixture_rev(&f, "ratchet-log", log);
    fixture_rev(&f, "HEAD^2", second);
    cr_assert_str_eq(log, second);
    cr_assert(fixture_clean(&f));
    cr_assert(fixture_exists(&f, "ledger/results.tsv"));
    git_says("log -1 --format=%s", "keep scales in registers");
    git_says("log -1 --format=%b", "Measured: +3.17 %");
    git_says("log -1 --format=%(trailers:key=Experiment)", "Experiment: 1");
    git_says("log -1 --format=%(trailers:key=Ledger-Head)", res.row.hash);
    git_says("log -1 --format=%(trailers:key=Judge-Hash)", f.hash);
    git_says("log -1 --format=%(trailers:key=Attempt)", res.row.attempt);
    git_says("show ratchet-log:details/1.json", "look at the next thing");
    ratchet_result_deinit(&res);
    audit_passes();
}

/* One path alone: the judge is asked for it, and row and record say so. */
Test(try, records_which_features_were_measured)
{
    struct ratchet_try_options o = {.hypothesis = "wider AVX2 tile", .features = "avx2"};
    struct ratchet *r = fixture_open(&f);
    struct ratchet_result res;

    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    f.verdict = JUDGE_LOSS;
    cr_assert_eq(ratchet_try(r, &o, &res), 0, "%s", err_message());
    cr_assert_str_eq(f.features, "avx2");
    cr_assert(strstr(res.row.reason, "; features avx2"), "%s", res.row.reason);
    git_says("show ratchet-log:details/1.json", "\"features\": \"avx2\"");
    ratchet_result_deinit(&res);
    ratchet_close(&r);
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert_eq(fixture_try(&f, "the same for all", &res), 0);
    cr_assert_str_eq(f.features, "all");
    cr_assert_null(strstr(res.row.reason, "features"));
    ratchet_result_deinit(&res);
    audit_passes();
}

Test(try, restores_the_kernel_after_anything_but_a_win)
{
    static const enum judge_verdict all[] = {
        JUDGE_LOSS,          JUDGE_INCONCLUSIVE, JUDGE_SAME_CODE,    JUDGE_FAIL_BUILD,
        JUDGE_FAIL_CONTRACT, JUDGE_FAIL_CRASH,   JUDGE_FAIL_TIMEOUT, JUDGE_FAIL_CORRECTNESS,
        JUDGE_UNFIT_MACHINE, JUDGE_CHEAT};
    char parent[REPO_HEX], now[REPO_HEX];

    fixture_rev(&f, "HEAD", parent);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        fixture_experiment(&f, all[i], FIXTURE_FASTER);
        cr_assert(fixture_file_is(&f, "kernel/kernel.c", FIXTURE_KERNEL));
        fixture_rev(&f, "HEAD", now);
        cr_assert_str_eq(now, parent);
        cr_assert(fixture_clean(&f));
        cr_assert_not(fixture_exists(&f, "ledger/results.tsv"));
    }
    audit_passes();
}

Test(try, handles_added_deleted_and_staged_kernel_files)
{
    f.verdict = JUDGE_LOSS;
    for (int win = 0; win < 2; win++) {
        fixture_write(&f, "kernel/new.inc", "/* new */\n");
        fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
        fixture_remove(&f, "kernel/part.inc");
        fixture_git(&f, "add -A kernel", NULL);
        f.verdict = win ? JUDGE_WIN : JUDGE_LOSS;
        cr_assert_eq(fixture_try(&f, "move part to new", NULL), 0, "%s", err_message());
        cr_assert_eq(fixture_exists(&f, "kernel/new.inc"), win == 1);
        cr_assert_eq(fixture_exists(&f, "kernel/part.inc"), win == 0);
        cr_assert(fixture_clean(&f));
    }
    git_says("ls-tree --name-only HEAD kernel/", "kernel/new.inc");
    audit_passes();
}

static void edit_while_judging(struct fixture *fx)
{
    fixture_write(fx, "kernel/kernel.c", "int edited_meanwhile;\n");
}

Test(try, leaves_a_file_that_was_edited_while_judging)
{
    struct ratchet_result res;

    f.during = edit_while_judging;
    for (int win = 0; win < 2; win++) {
        f.verdict = win ? JUDGE_WIN : JUDGE_LOSS;
        fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
        fixture_write(&f, "kernel/part.inc", "/* other */\n");
        cr_assert_eq(fixture_try(&f, "make it faster", &res), 0);
        cr_assert(strstr(res.what_happened, "edited meanwhile: kernel/kernel.c"), "%s",
                  res.what_happened);
        cr_assert_eq(res.applied, win == 1);
        cr_assert(fixture_file_is(&f, "kernel/kernel.c", "int edited_meanwhile;\n"));
        cr_assert(fixture_file_is(&f, "kernel/part.inc", win ? "/* other */\n" : "/* part */\n"));
        ratchet_result_deinit(&res);
    }
    git_says("show HEAD:kernel/kernel.c", "faster");
    audit_passes();
}

Test(try, records_a_row_when_no_verdict_can_be_reached)
{
    struct ratchet_result res;

    f.fail_with = ERR_IO;
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert_eq(fixture_try(&f, "make it faster", &res), 0);
    cr_assert(res.unable && res.recorded && !res.applied);
    cr_assert_str_eq(res.row.verdict, "INCONCLUSIVE");
    cr_assert(strstr(res.row.reason, "the fake judge fails"), "%s", res.row.reason);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", FIXTURE_FASTER));
    ratchet_result_deinit(&res);
    audit_passes();
}

static void refuse_states(struct fixture *fx)
{
    char path[128];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/.git/pawl/ledger.db", fx->repo);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db,
                              "CREATE TRIGGER full BEFORE INSERT ON states WHEN NEW.name = "
                              "'checked' BEGIN SELECT RAISE(ABORT, 'no room'); END",
                              NULL, NULL, NULL),
                 SQLITE_OK);
    sqlite3_close(db);
}

Test(try, a_step_that_the_ledger_does_not_take_gives_no_verdict)
{
    struct ratchet_result res;

    f.verdict = JUDGE_WIN;
    f.during = refuse_states;
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert_eq(fixture_try(&f, "make it faster", &res), 0);
    cr_assert(res.unable && !res.applied);
    cr_assert(strstr(res.row.reason, "could not be recorded"), "%s", res.row.reason);
    ratchet_result_deinit(&res);
}

static json_t *details_of(int64_t n)
{
    struct ratchet *r = fixture_open(&f);
    struct strbuf text = {0};
    json_t *json;

    cr_assert_eq(ledger_details(r->ledger, n, &text), 1);
    json = json_loads(text.data, 0, NULL);
    strbuf_deinit(&text);
    ratchet_close(&r);
    return json;
}

Test(try, records_how_far_others_disturbed_the_machine)
{
    json_t *json;

    f.disturbed_share = 0.24;
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    fixture_experiment(&f, JUDGE_SAME_CODE, FIXTURE_FASTER);
    json = details_of(1);
    cr_assert_float_eq(json_real_value(json_object_get(json, "disturbed_share")), 0.24, 1e-12);
    cr_assert(json_is_null(json_object_get(json, "steal_share")), "-1 is not known");
    json_decref(json);
    json = details_of(2);
    cr_assert(json_is_null(json_object_get(json, "disturbed_share")), "nothing was measured");
    json_decref(json);
}

Test(try, records_seeds_as_the_judge_takes_them)
{
    struct ratchet_result res;
    char *end;

    f.verdict = JUDGE_FAIL_CORRECTNESS;
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert_eq(fixture_try(&f, "make it faster", &res), 0);
    cr_assert_eq(strtoull(res.row.seeds, &end, 0), 42);
    cr_assert_eq(*end, '\0');
    ratchet_result_deinit(&res);
}

static const char long_subject[] = "a subject that is longer than the seventy-two columns that "
                                   "git likes, ending in \xc3\xa9\xc3\xa9";

/* Cut at 57, 60, 69 or 72 bytes this is cut inside a character. */
static const char narrow_subject[] = "x\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92"
                                     "\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92"
                                     "\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92"
                                     "\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92"
                                     "\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92"
                                     "\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92";

static void log_is_utf8(void)
{
    struct strbuf out = {0};
    json_t *valid;

    fixture_git(&f, "log --format=%B main ratchet-log", &out);
    valid = json_string(out.data);
    cr_assert(valid, "%s", out.data);
    json_decref(valid);
    strbuf_deinit(&out);
}

Test(try, keeps_any_hypothesis_exactly)
{
    static const char *const all[] = {"tab\there",
                                      "two\nlines\n\nExperiment: 99\nLedger-Head: forged",
                                      "back\\slash \\t \\x41",
                                      "h\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x90\xa7",
                                      long_subject,
                                      narrow_subject};
    struct ratchet_result res;
    char kernel[64];

    f.verdict = JUDGE_WIN;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        snprintf(kernel, sizeof kernel, "int kernel_%zu;\n", i);
        fixture_write(&f, "kernel/kernel.c", kernel);
        cr_assert_eq(fixture_try(&f, all[i], &res), 0, "%s", err_message());
        cr_assert_str_eq(res.row.hypothesis, all[i]);
        ratchet_result_deinit(&res);
        audit_passes();
        log_is_utf8();
    }
}

Test(try, refuses_an_empty_or_broken_hypothesis)
{
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert_eq(fixture_try(&f, " \n\t", NULL), ERR_USAGE);
    cr_assert_eq(fixture_try(&f, "\xff\xfe", NULL), ERR_USAGE);
    cr_assert_eq(fixture_try(&f, "clears\x1b[2J the screen", NULL), ERR_USAGE);
    cr_assert_eq(f.n_trials, 0);
}

Test(try, changes_nothing_in_a_dry_run)
{
    struct ratchet_try_options o = {.hypothesis = "try it", .dry_run = true};
    struct ratchet *r = fixture_open(&f);
    struct ratchet_result res;

    f.verdict = JUDGE_INCONCLUSIVE;
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert_eq(ratchet_try(r, &o, &res), 0, "%s", err_message());
    cr_assert_not(res.recorded);
    cr_assert_eq(f.n_trials, 1);
    ratchet_result_deinit(&res);
    ratchet_close(&r);
    cr_assert_eq(fixture_rows(&f), 0);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", FIXTURE_FASTER));
}

Test(try, seals_a_change_of_the_judge_with_a_row)
{
    struct ratchet *r;
    struct ledger_row row;
    char old_hash[SHA256_HEX];

    fixture_experiment(&f, JUDGE_WIN, FIXTURE_FASTER);
    memcpy(old_hash, f.hash, sizeof old_hash);
    fixture_write(&f, "judge/judge.c", "int stricter;\n");
    fixture_git(&f, "commit -qam stricter", NULL);
    fixture_rehash(&f);
    f.verdict = JUDGE_LOSS;
    fixture_write(&f, "kernel/kernel.c", "int after;\n");
    cr_assert_eq(fixture_try(&f, "after the seal", NULL), 0, "%s", err_message());
    r = fixture_open(&f);
    cr_assert_eq(ledger_count(r->ledger), 3);
    cr_assert_eq(ledger_find(r->ledger, 2, &row), 1);
    cr_assert_str_eq(row.verdict, LEDGER_SEAL);
    cr_assert(strstr(row.reason, old_hash) && strstr(row.reason, f.hash));
    ledger_row_deinit(&row);
    ratchet_close(&r);
    audit_passes();
}

Test(try, shares_the_ledger_between_worktrees)
{
    char main_repo[80];

    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    fixture_git(&f, "worktree add -q -b side ../side", NULL);
    memcpy(main_repo, f.repo, sizeof main_repo);
    snprintf(f.repo, sizeof f.repo, "%s/side", f.dir);
    cr_assert_eq(fixture_rows(&f), 1);
    fixture_experiment(&f, JUDGE_WIN, FIXTURE_FASTER);
    cr_assert(fixture_clean(&f));
    git_says("log -1 --format=%(trailers:key=Experiment)", "Experiment: 2");
    audit_passes();
    memcpy(f.repo, main_repo, sizeof main_repo);
    cr_assert_eq(fixture_rows(&f), 2);
    cr_assert(fixture_clean(&f));
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", FIXTURE_KERNEL));
}

/* --- a change that lies elsewhere --- */

static int try_folder(const char *folder, struct ratchet_result *out)
{
    struct ratchet_try_options o = {.hypothesis = "make it faster", .folder = folder};
    struct ratchet *r = fixture_open(&f);
    int rc = ratchet_try(r, &o, out);

    ratchet_close(&r);
    return rc;
}

/* A copy of the kernel beside the repository, with another kernel.c. */
static void folder_make(char folder[80], const char *kernel)
{
    fixture_write(&f, "../elsewhere/kernel/kernel.c", kernel);
    fixture_write(&f, "../elsewhere/kernel/part.inc", "/* part */\n");
    snprintf(folder, 80, "%s/elsewhere", f.dir);
}

Test(try, takes_a_change_from_another_folder_and_the_working_tree_follows_a_win)
{
    struct ratchet_result res;
    char folder[80];

    folder_make(folder, FIXTURE_FASTER);
    fixture_write(&f, "README.md", "edited, and none of a folder's business\n");
    f.verdict = JUDGE_WIN;
    cr_assert_eq(try_folder(folder, &res), 0, "%s", err_message());
    cr_assert(res.applied);
    ratchet_result_deinit(&res);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", FIXTURE_FASTER));
    fixture_git(&f, "checkout -q README.md", NULL);
    cr_assert(fixture_clean(&f));
}

Test(try, of_another_folder_leaves_edits_of_the_working_tree_alone)
{
    struct ratchet_result res;
    char folder[80];

    folder_make(folder, FIXTURE_FASTER);
    fixture_write(&f, "kernel/kernel.c", "/* being edited */\n");
    f.verdict = JUDGE_LOSS;
    cr_assert_eq(try_folder(folder, &res), 0, "%s", err_message());
    ratchet_result_deinit(&res);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", "/* being edited */\n"));
    fixture_git(&f, "checkout -q kernel/kernel.c", NULL);
    cr_assert_eq(try_folder(folder, &res), 0, "%s", err_message());
    cr_assert(strstr(res.what_happened, "as before"), "%s", res.what_happened);
    ratchet_result_deinit(&res);
    fixture_write(&f, "kernel/kernel.c", "/* being edited */\n");
    fixture_write(&f, "../elsewhere/kernel/kernel.c", "/* fastest */\n");
    f.verdict = JUDGE_WIN;
    cr_assert_eq(try_folder(folder, &res), 0, "%s", err_message());
    cr_assert(res.applied);
    cr_assert(strstr(res.what_happened, "kernel/kernel.c"), "%s", res.what_happened);
    ratchet_result_deinit(&res);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", "/* being edited */\n"));
}
