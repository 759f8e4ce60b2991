/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static sqlite3 *db_open(void)
{
    char path[PATH_MAX];
    sqlite3 *db = NULL;

    snprintf(path, sizeof path, "%s/.git/pawl/ledger.db", f.repo);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static void db_exec(sqlite3 *db, const char *text)
{
    char *why = NULL;

    cr_assert_eq(sqlite3_exec(db, text, NULL, NULL, &why), SQLITE_OK, "%s: %s", text, why);
}

/* Run `text` as somebody who takes the triggers away and puts them back. */
static void sql(const char *text)
{
    sqlite3 *db = db_open();
    char drop[128], **triggers;
    int n;

    cr_assert_eq(sqlite3_get_table(db, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'",
                                   &triggers, &n, NULL, NULL),
                 SQLITE_OK);
    cr_assert_eq(n, 21); /* three for each of seven tables */
    for (int i = 1; i <= n; i++) {
        snprintf(drop, sizeof drop, "DROP TRIGGER %s", triggers[2 * i]);
        db_exec(db, drop);
    }
    db_exec(db, text);
    for (int i = 1; i <= n; i++)
        db_exec(db, triggers[2 * i + 1]);
    sqlite3_free_table(triggers);
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
        {"UPDATE machines SET fingerprint = 'another' WHERE experiment = 1",
         "UPDATE machines SET fingerprint = 'a machine of the test' WHERE experiment = 1"},
        {"UPDATE cases SET position = 7 WHERE experiment = 4",
         "UPDATE cases SET position = 0 WHERE experiment = 4"},
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

/* The value of one row with bit 0 of a byte flipped, `where` thirds into it: false when it has none.
 */
static bool flip(sqlite3 *db, const char *table, const char *column, int row, int where)
{
    char text[512];
    sqlite3_stmt *s = NULL, *u = NULL;
    bool has;

    snprintf(text, sizeof text,
             "SELECT CAST(%s AS BLOB), typeof(%s) = 'text' FROM %s WHERE experiment = %d", column,
             column, table, row);
    cr_assert_eq(sqlite3_prepare_v2(db, text, -1, &s, NULL), SQLITE_OK);
    has = sqlite3_step(s) == SQLITE_ROW && sqlite3_column_bytes(s, 0) > 0;
    if (has) {
        int n = sqlite3_column_bytes(s, 0);
        const char *kind = sqlite3_column_int(s, 1) ? "TEXT" : "NUMERIC";
        char *value = malloc((size_t)n);

        cr_assert(value);
        memcpy(value, sqlite3_column_blob(s, 0), (size_t)n);
        value[(n - 1) * where / 2] ^= 1;
        snprintf(text, sizeof text,
                 "UPDATE %s SET %s = CAST(CAST(?1 AS TEXT) AS %s) WHERE experiment = %d"
                 " AND %s <> CAST(CAST(?1 AS TEXT) AS %s)",
                 table, column, kind, row, column, kind);
        sqlite3_reset(s); /* its read lock must not hold the journal back */
        cr_assert_eq(sqlite3_prepare_v2(db, text, -1, &u, NULL), SQLITE_OK);
        sqlite3_bind_text(u, 1, value, n, SQLITE_TRANSIENT);
        cr_assert_eq(sqlite3_step(u), SQLITE_DONE, "%s: %s", text, sqlite3_errmsg(db));
        has = sqlite3_changes(db) == 1; /* "350/0" is the number 350 still */
        sqlite3_finalize(u);
        free(value);
    }
    sqlite3_finalize(s);
    return has;
}

static void flip_everywhere(sqlite3 *db, const char *table, const char *column)
{
    char undo[256], want[32];

    snprintf(undo, sizeof undo, "UPDATE %s SET %s = (SELECT %s FROM kept_%s WHERE id = %s.rowid)",
             table, column, column, table, table);
    for (int row = 1; row <= 5; row++)
        for (int where = 0; where <= 2; where++) {
            if (!flip(db, table, column, row, where))
                continue;
            snprintf(want, sizeof want, "row %d: ", row);
            fails(want);
            db_exec(db, undo);
        }
}

Test(audit, names_the_row_whichever_value_of_the_database_changes)
{
    static const char *const tables[] = {"experiments", "cases", "samples"};
    sqlite3 *db = db_open();
    char **names, **columns, text[160];
    int n, n_columns;

    cr_assert_eq(sqlite3_get_table(db, "SELECT name FROM sqlite_schema WHERE type = 'trigger'",
                                   &names, &n, NULL, NULL),
                 SQLITE_OK);
    for (int i = 1; i <= n; i++) {
        snprintf(text, sizeof text, "DROP TRIGGER %s", names[i]);
        db_exec(db, text);
    }
    sqlite3_free_table(names);
    for (size_t t = 0; t < 3; t++) {
        snprintf(text, sizeof text, "CREATE TABLE kept_%s AS SELECT rowid AS id, * FROM %s",
                 tables[t], tables[t]);
        db_exec(db, text);
        snprintf(text, sizeof text, "SELECT name FROM pragma_table_info('%s')", tables[t]);
        cr_assert_eq(sqlite3_get_table(db, text, &columns, &n_columns, NULL, NULL), SQLITE_OK);
        cr_assert_geq(n_columns, 2);
        for (int i = 1; i <= n_columns; i++)
            if (strcmp(columns[i], "experiment") != 0)
                flip_everywhere(db, tables[t], columns[i]);
        sqlite3_free_table(columns);
    }
    sqlite3_close(db);
    fails("a trigger"); /* all values are back, the triggers are not */
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

    snprintf(path, sizeof path, "%s/ledger/results.tsv", f.repo);
    cr_assert_eq(file_read(path, &text), 0);
    for (size_t i = 0; i < text.len; i++) {
        char was = text.data[i], want[32];

        if (was != '\n' && row != 3 && i % 97 != 0) /* line ends, row 3, a sample of the rest */
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

Test(audit, names_the_row_where_results_tsv_was_cut_off)
{
    struct strbuf text = {0};
    char path[PATH_MAX], want[32];
    int64_t row = 0;

    snprintf(path, sizeof path, "%s/ledger/results.tsv", f.repo);
    cr_assert_eq(file_read(path, &text), 0);
    for (size_t i = 0; i < text.len; i++) {
        if (i && text.data[i - 1] != '\n' && i % 101 != 0)
            continue;
        row = 0;
        for (size_t k = 0; k < i; k++)
            row += text.data[k] == '\n';
        snprintf(want, sizeof want, row ? "row %lld" : "the header line", (long long)row);
        cr_assert_eq(file_write_atomic(path, text.data, i), 0);
        fails(want);
    }
    cr_assert_eq(file_write_atomic(path, text.data, text.len), 0);
    passes();
    cr_assert_eq(file_write_atomic(path, text.data, text.len - 1), 0); /* and once committed */
    *strrchr(text.data, '\n') = '\0';
    cr_assert_eq(
        file_write_atomic(path, text.data, (size_t)(strrchr(text.data, '\n') - text.data) + 1), 0);
    fixture_git(&f, "commit -qam shorter", NULL);
    fails("row 4: results.tsv at HEAD lacks it");
    strbuf_deinit(&text);
}

Test(audit, says_what_a_shallow_clone_lacks)
{
    char origin[80], command[200], text[512];
    struct ratchet_audit a;
    struct ratchet *r;

    memcpy(origin, f.repo, sizeof origin);
    for (int depth = 1; depth <= 3; depth++) {
        memcpy(f.repo, origin, sizeof origin);
        snprintf(command, sizeof command,
                 "clone -q --single-branch --branch main --depth %d file://%s ../shallow%d", depth,
                 origin, depth);
        fixture_git(&f, command, NULL);
        snprintf(f.repo, sizeof f.repo, "%s/shallow%d", f.dir, depth);
        fixture_git(&f, "config user.name Other", NULL);
        fixture_git(&f, "config user.email other@localhost", NULL);
        r = fixture_open(&f);
        cr_assert_eq(ratchet_audit(r, &a), ERR_UNSUPPORTED);
        cr_assert(strstr(err_message(), "git fetch --unshallow"), "%s", err_message());
        ratchet_close(&r);
        fixture_write(&f, "kernel/kernel.c", "int in_the_clone;\n");
        cr_assert_eq(fixture_try(&f, "make it faster", NULL), ERR_CONFLICT);
        cr_assert(strstr(err_message(), "git fetch --unshallow"), "%s", err_message());
        fixture_git(&f, "fetch -q --unshallow", NULL);
        cr_assert_eq(fixture_audit(&f, text), 0, "%s", text);
        cr_assert_eq(fixture_rows(&f), 4);
        cr_assert_eq(fixture_try(&f, "make it faster", NULL), 0, "%s", err_message());
    }
}

Test(audit, refuses_to_begin_again_beside_rows_that_history_lost)
{
    char path[PATH_MAX];

    fixture_git(&f, "checkout -q --orphan squashed", NULL);
    fixture_git(&f, "commit -q -m squashed", NULL);
    fixture_git(&f, "branch -q -D main ratchet-log", NULL);
    snprintf(path, sizeof path, "%s/.git/pawl", f.repo);
    cr_assert_eq(file_remove_tree(path), 0);
    fixture_write(&f, "kernel/kernel.c", "int next;\n");
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "names 4 rows, but only 0"), "%s", err_message());
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", "int next;\n"));
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
        said = said || strstr(json_string_value(line),
                              "ordinary commits of this branch that change the kernel: 1;");
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
    passes(); /* the triggers too */
    sql("SELECT 1");
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

Test(audit, a_changed_row_stops_the_next_try_and_is_mended_from_ratchet_log)
{
    char path[PATH_MAX];

    sql("UPDATE experiments SET author = 'x' WHERE experiment = 2");
    fixture_write(&f, "kernel/kernel.c", "int more;\n");
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), ERR_INTEGRITY);
    cr_assert(strstr(err_message(), "row 2"), "%s", err_message());
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", "int more;\n"));
    snprintf(path, sizeof path, "%s/.git/pawl/ledger.db", f.repo);
    cr_assert(strstr(err_message(), path + strlen(f.repo)), "%s", err_message());
    cr_assert_eq(unlink(path), 0); /* the remedy that it names */
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), 0, "%s", err_message());
    passes();
    cr_assert_eq(fixture_rows(&f), 6);
}
