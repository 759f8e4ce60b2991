/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static struct fixture f;

/* Five rows: loss, win, failed check, win, loss. */
static void setup(void)
{
    fixture_init(&f);
    fixture_experiment(&f, JUDGE_LOSS, "int a;\n");
    fixture_experiment(&f, JUDGE_WIN, "int b;\n");
    fixture_experiment(&f, JUDGE_FAIL_CORRECTNESS, "int c;\n");
    fixture_experiment(&f, JUDGE_WIN, "int d;\n");
    fixture_experiment(&f, JUDGE_LOSS, "int e;\n");
}

static void teardown(void)
{
    fixture_deinit(&f);
}

TestSuite(audit, .init = setup, .fini = teardown);

static void passes(void)
{
    char text[512];

    cr_assert_eq(fixture_audit(&f, text), 0, "%s", text);
}

/* The audit must fail, and its first finding must begin with `words`. */
static void fails(const char *words)
{
    char text[512];

    cr_assert_gt(fixture_audit(&f, text), 0, "not noticed: %s", words);
    cr_assert_eq(strncmp(text, words, strlen(words)), 0, "should begin '%s': %s", words, text);
}

static void sql(const char *text)
{
    static const char *const tables[] = {"experiments", "cases", "samples", "seals"};
    char path[PATH_MAX], drop[128];
    sqlite3 *db = NULL;
    char *why = NULL;

    snprintf(path, sizeof path, "%s/.git/pawl/ledger.db", f.repo);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    for (size_t i = 0; i < 4; i++) {
        snprintf(drop, sizeof drop,
                 "DROP TRIGGER IF EXISTS %s_no_UPDATE; DROP TRIGGER IF EXISTS %s_no_DELETE",
                 tables[i], tables[i]);
        cr_assert_eq(sqlite3_exec(db, drop, NULL, NULL, NULL), SQLITE_OK);
    }
    cr_assert_eq(sqlite3_exec(db, text, NULL, NULL, &why), SQLITE_OK, "%s", why);
    sqlite3_close(db);
}

Test(audit, passes_on_an_honest_ledger)
{
    passes();
}

Test(audit, names_the_row_whichever_column_of_the_database_changes)
{
    static const struct {
        const char *change, *undo;
    } cases[] = {
        {"UPDATE experiments SET verdict = 'WIN' WHERE experiment = 3",
         "UPDATE experiments SET verdict = 'FAIL_CORRECTNESS' WHERE experiment = 3"},
        {"UPDATE experiments SET estimate = 0.0412346 WHERE experiment = 4",
         "UPDATE experiments SET estimate = 0.0312346 WHERE experiment = 4"},
        {"UPDATE experiments SET estimate = 0.0312346000001 WHERE experiment = 4",
         "UPDATE experiments SET estimate = 0.0312346 WHERE experiment = 4"},
        {"UPDATE experiments SET author = 'tester' WHERE experiment = 5",
         "UPDATE experiments SET author = 'Tester' WHERE experiment = 5"},
        {"UPDATE experiments SET focus = 'x' WHERE experiment = 1",
         "UPDATE experiments SET focus = '' WHERE experiment = 1"},
        {"UPDATE experiments SET units = 31 WHERE experiment = 2",
         "UPDATE experiments SET units = 30 WHERE experiment = 2"},
        {"UPDATE cases SET regime = 'Memory' WHERE experiment = 2",
         "UPDATE cases SET regime = 'memory' WHERE experiment = 2"},
        {"UPDATE cases SET incumbent_ns = 351 WHERE experiment = 5",
         "UPDATE cases SET incumbent_ns = 350 WHERE experiment = 5"},
        {"UPDATE samples SET json = replace(json, '0.2', '0.3') WHERE experiment = 4",
         "UPDATE samples SET json = replace(json, '0.3', '0.2') WHERE experiment = 4"},
        {"UPDATE experiments SET experiment = 9 WHERE experiment = 5", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *at = strstr(cases[i].change, "experiment = ");
        char want[16];

        while (strstr(at + 1, "experiment = "))
            at = strstr(at + 1, "experiment = ");
        snprintf(want, sizeof want, "row %c", at[strlen("experiment = ")]);
        sql(cases[i].change);
        fails(want);
        if (cases[i].undo) {
            sql(cases[i].undo);
            passes();
        }
    }
}

Test(audit, names_a_row_that_was_deleted)
{
    sql("PRAGMA foreign_keys = OFF; DELETE FROM experiments WHERE experiment = 3");
    fails("row 3");
}

Test(audit, names_the_row_whichever_byte_of_results_tsv_changes)
{
    struct strbuf text = {0};
    char path[PATH_MAX];
    int64_t row = 0;
    size_t step = 0;

    snprintf(path, sizeof path, "%s/ledger/results.tsv", f.repo);
    cr_assert_eq(file_read(path, &text), 0);
    for (size_t i = 0; i < text.len; i++) {
        char was = text.data[i], want[32];

        if (was != '\n' && step++ % 97 != 0 &&
            i + 1 != text.len) /* line ends, and a sample of the rest */
            continue;
        snprintf(want, sizeof want, row ? "row %lld" : "the header line", (long long)row);
        text.data[i] = was == 'x' ? 'y' : 'x';
        cr_assert_eq(file_write_atomic(path, text.data, text.len), 0);
        fails(want);
        text.data[i] = was;
        row += was == '\n';
    }
    cr_assert_eq(row, 5); /* header, rows 1..4: the last win carries four */
    cr_assert_eq(file_write_atomic(path, text.data, text.len), 0);
    passes();
    strbuf_deinit(&text);
}

Test(audit, notices_a_forged_win_commit)
{
    fixture_git(&f, "commit -q --amend -m forged --trailer Experiment:4", NULL);
    fails("row 4");
}

Test(audit, notices_an_amended_win_tree)
{
    fixture_write(&f, "kernel/kernel.c", "int slipped_in;\n");
    fixture_git(&f, "commit -q -a --amend --no-edit", NULL);
    fails("row 4");
}

Test(audit, notices_a_kernel_change_without_an_experiment)
{
    struct ratchet_audit a;
    struct ratchet *r;
    bool said = false;
    size_t i;
    json_t *line;

    fixture_write(&f, "kernel/kernel.c", "int by_hand;\n");
    fixture_git(&f, "commit -qam byhand", NULL);
    r = fixture_open(&f);
    cr_assert_eq(ratchet_audit(r, &a), 0);
    json_array_foreach(a.unproved, i, line)
    {
        said =
            said || strstr(json_string_value(line), "1 commits of this branch change the kernel");
    }
    cr_assert(said);
    ratchet_audit_deinit(&a);
    ratchet_close(&r);
}

Test(audit, rebuilds_the_ledger_in_a_fresh_clone)
{
    struct strbuf before = {0}, after = {0};
    struct ratchet *r = fixture_open(&f);
    char id[REPO_HEX];

    cr_assert_eq(ledger_export(r->ledger, 4, &before), 0);
    ratchet_close(&r);
    /* Only the branch travels: ratchet-log is reached through the win's second parent. */
    fixture_git(&f, "clone -q --single-branch --branch main . ../clone", NULL);
    snprintf(f.repo, sizeof f.repo, "%s/clone", f.dir);
    fixture_git(&f, "config user.name Other", NULL);
    fixture_git(&f, "config user.email other@localhost", NULL);
    cr_assert_eq(fixture_rows(&f), 4);
    r = fixture_open(&f);
    cr_assert_eq(ledger_export(r->ledger, 0, &after), 0);
    cr_assert_str_eq(before.data, after.data);
    ratchet_close(&r);
    passes();
    fixture_experiment(&f, JUDGE_LOSS, "int in_the_clone;\n");
    r = fixture_open(&f);
    cr_assert_eq(ratchet_checkpoint(r, id), 1, "%s", err_message());
    cr_assert_eq(ratchet_checkpoint(r, id), 0);
    ratchet_close(&r);
    cr_assert(fixture_clean(&f));
    passes();
    strbuf_deinit(&before);
    strbuf_deinit(&after);
}

Test(audit, rebuilds_a_database_that_was_deleted)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/.git/pawl", f.repo);
    cr_assert_eq(file_remove_tree(path), 0);
    cr_assert_eq(fixture_rows(&f), 5);
    passes();
    fixture_experiment(&f, JUDGE_WIN, "int again;\n");
    passes();
}

Test(audit, takes_over_rows_that_another_clone_made)
{
    char first[80], other[80];
    char id[REPO_HEX];
    struct ratchet *r = fixture_open(&f);

    cr_assert_eq(ratchet_checkpoint(r, id), 1);
    ratchet_close(&r);
    memcpy(first, f.repo, sizeof first);
    fixture_git(&f, "clone -q . ../clone", NULL);
    snprintf(other, sizeof other, "%s/clone", f.dir);
    memcpy(f.repo, other, sizeof other);
    fixture_git(&f, "config user.name Other", NULL);
    fixture_git(&f, "config user.email other@localhost", NULL);
    fixture_experiment(&f, JUDGE_WIN, "int theirs;\n");
    memcpy(f.repo, first, sizeof first);
    fixture_git(&f, "pull -q ../clone main", NULL);
    cr_assert_eq(fixture_rows(&f), 6);
    passes();
    fixture_experiment(&f, JUDGE_LOSS, "int ours;\n");
    passes();
}

Test(audit, refuses_to_join_two_histories)
{
    char first[80];

    memcpy(first, f.repo, sizeof first);
    fixture_git(&f, "clone -q . ../clone", NULL);
    snprintf(f.repo, sizeof f.repo, "%s/clone", f.dir);
    fixture_git(&f, "config user.name Other", NULL);
    fixture_git(&f, "config user.email other@localhost", NULL);
    fixture_experiment(&f, JUDGE_LOSS, "int theirs;\n");
    fixture_experiment(&f, JUDGE_WIN, "int theirs_too;\n");
    memcpy(f.repo, first, sizeof first);
    fixture_experiment(&f, JUDGE_LOSS, "int ours;\n");
    fixture_git(&f, "pull -q ../clone main", NULL);
    fixture_write(&f, "kernel/kernel.c", "int next;\n");
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "row 6"), "%s", err_message());
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", "int next;\n"));
}

/* A row with a right hash in a right chain, and something wrong behind it in git. */
static void forge(const char *attempt, const char *parent, const char *kernel)
{
    struct ratchet *r = fixture_open(&f);
    struct ledger_row row;

    ledger_row_init(&row);
    ledger_text_set(&row.time, "2026-01-01T00:00:00Z");
    ledger_text_set(&row.verdict, "LOSS");
    ledger_text_set(&row.judge, f.hash);
    ledger_text_set(&row.attempt, attempt);
    ledger_text_set(&row.parent, parent);
    ledger_text_set(&row.kernel, kernel);
    cr_assert_eq(ledger_append(r->ledger, &row, "{}", NULL), 0);
    ledger_row_deinit(&row);
    ratchet_close(&r);
}

Test(audit, notices_a_row_whose_attempt_does_not_exist)
{
    forge("0123456789012345678901234567890123456789", "0123456789012345678901234567890123456789",
          "");
    fails("row 6: its attempt commit does not exist");
}

Test(audit, notices_a_row_that_names_another_parent_or_kernel)
{
    char attempt[REPO_HEX], parent[REPO_HEX];

    fixture_rev(&f, "refs/pawl/attempts/5", attempt);
    fixture_rev(&f, "refs/pawl/attempts/5^", parent);
    forge(attempt, parent, "not its digest");
    fails("row 6: the kernel of its attempt commit has another digest");
    forge(attempt, attempt, "");
    fails("row 6");
}

Test(audit, notices_an_attempt_that_changes_sealed_files)
{
    char attempt[REPO_HEX], parent[REPO_HEX];

    fixture_rev(&f, "HEAD", parent);
    fixture_write(&f, "judge/judge.c", "int bribed;\n");
    fixture_git(&f, "commit -qam bribed", NULL);
    fixture_rev(&f, "HEAD", attempt);
    fixture_git(&f, "reset -q --hard HEAD^", NULL);
    forge(attempt, parent, "");
    fails("row 6: its attempt changes something else than kernel files");
}

Test(audit, a_changed_row_stops_the_next_try)
{
    sql("UPDATE experiments SET author = 'x' WHERE experiment = 2");
    fixture_write(&f, "kernel/kernel.c", "int more;\n");
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), ERR_INTEGRITY);
    cr_assert(strstr(err_message(), "row 2"), "%s", err_message());
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", "int more;\n"));
}
