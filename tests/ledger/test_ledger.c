/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/ledger.h"
#include "ledger/schema.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], path[80];
static struct ledger *l;

static void setup(void)
{
    snprintf(dir, sizeof dir, "%s/pawl-ledger-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/ledger.db", dir);
    cr_assert_eq(ledger_open(path, &l), 0, "%s", err_message());
}

static void teardown(void)
{
    ledger_close(&l);
    file_remove_tree(dir);
}

TestSuite(ledger, .init = setup, .fini = teardown);

/* UTF-8 of random characters, every control byte included, NUL excepted. */
static void random_text(struct rng *r, char **field)
{
    char text[40];
    size_t n = 0;

    for (size_t left = rng_below(r, 20); left; left--) {
        unsigned c = 1 + (unsigned)rng_below(r, rng_below(r, 2) ? 0x7fe : 40);

        if (c >= 0x80)
            text[n++] = (char)(0xc0 | c >> 6);
        text[n++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
    }
    text[n] = '\0';
    ledger_text_set(field, text);
}

static void random_row(struct rng *r, struct ledger_row *row)
{
    ledger_row_init(row);
    ledger_text_set(&row->verdict, "LOSS");
    ledger_text_set(&row->judge, "one");
    ledger_text_set(&row->machine, "m");
    random_text(r, &row->hypothesis);
    random_text(r, &row->author);
    random_text(r, &row->reason);
    row->estimate = rng_normal(r) * pow(10, (double)rng_below(r, 12) - 6);
    row->low = rng_below(r, 2) ? NAN : -rng_uniform(r);
    row->high = rng_below(r, 4) ? rng_uniform(r) : INFINITY;
    row->units = (int64_t)rng_below(r, 1000);
    row->seconds = rng_uniform(r) * 1e9;
}

static const char details[] = "{\"cases\":[{\"name\":\"a\",\"op\":\"gemv\",\"estimate\":0.1,"
                              "\"candidate_ns\":12}],\"units\":[1,2]}";

static void append(struct rng *r)
{
    struct ledger_row row;

    random_row(r, &row);
    cr_assert_eq(ledger_append(l, &row, details, NULL), 0, "%s", err_message());
    ledger_row_deinit(&row);
}

static int sql_rc(const char *text)
{
    sqlite3 *db = NULL;
    int rc;

    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    rc = sqlite3_exec(db, text, NULL, NULL, NULL);
    sqlite3_close(db);
    return rc;
}

Test(ledger, keeps_every_text_and_number_through_database_and_tsv)
{
    struct rng r;

    rng_init(&r, 1);
    for (int i = 1; i <= 300; i++) {
        struct ledger_row in, out, parsed;
        struct strbuf line = {0}, again = {0};

        random_row(&r, &in);
        cr_assert_eq(ledger_append(l, &in, details, NULL), 0);
        cr_assert_eq(in.experiment, i);
        cr_assert_eq(ledger_find(l, i, &out), 1);
        cr_assert_str_eq(out.hypothesis, in.hypothesis);
        cr_assert(isnan(out.estimate) == isnan(in.estimate) && isnan(out.high) == isnan(in.high));
        ledger_tsv_line(&out, true, &line);
        cr_assert_eq(memchr(line.data, '\n', line.len), NULL);
        cr_assert_eq(ledger_tsv_parse(line.data, line.len, &parsed), 0, "%s", err_message());
        cr_assert_str_eq(parsed.reason, in.reason);
        ledger_tsv_line(&parsed, true, &again);
        cr_assert_str_eq(line.data, again.data);
        ledger_row_deinit(&in);
        ledger_row_deinit(&out);
        ledger_row_deinit(&parsed);
        strbuf_deinit(&line);
        strbuf_deinit(&again);
    }
}

Test(ledger, hashes_the_previous_hash_and_the_exact_line)
{
    struct ledger_row row;
    struct strbuf text = {0};
    char hex[SHA256_HEX], *tab;
    struct rng r;

    rng_init(&r, 2);
    append(&r);
    append(&r);
    cr_assert_eq(ledger_find(l, 2, &row), 1);
    strbuf_addf(&text, "%s", row.previous);
    ledger_tsv_line(&row, true, &text);
    tab = strrchr(text.data, '\t');
    cr_assert_str_eq(tab + 1, row.hash);
    sha256_hex(text.data, (size_t)(tab - text.data), hex);
    cr_assert_str_eq(hex, row.hash);
    ledger_row_deinit(&row);
    cr_assert_eq(ledger_find(l, 1, &row), 1);
    cr_assert_str_eq(row.previous, ledger_genesis);
    ledger_row_deinit(&row);
    strbuf_deinit(&text);
}

Test(ledger, refuses_update_delete_and_replace_on_every_table)
{
    static const char *const tables[] = {"experiments", "cases", "samples", "machines",
                                         "controls",    "seals", "states"};
    struct ledger_row seal;
    struct rng r;
    char text[128];

    rng_init(&r, 3);
    append(&r);
    ledger_row_init(&seal);
    ledger_text_set(&seal.verdict, LEDGER_SEAL);
    ledger_text_set(&seal.judge, "two");
    cr_assert_eq(ledger_append(l, &seal, "{}", &(struct ledger_state){1, "proposed", ""}), 0);
    ledger_row_deinit(&seal);
    cr_assert_eq(sql_rc("INSERT INTO controls VALUES (1, 1, 'a/a', 'LOSS', 0.0, '{}')"), SQLITE_OK);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        snprintf(text, sizeof text, "DELETE FROM %s", tables[i]);
        cr_assert_eq(sql_rc(text), SQLITE_CONSTRAINT, "%s", text);
        snprintf(text, sizeof text, "UPDATE %s SET rowid = rowid", tables[i]);
        cr_assert_eq(sql_rc(text), SQLITE_CONSTRAINT, "%s", text);
        snprintf(text, sizeof text, "INSERT OR REPLACE INTO %s SELECT * FROM %s", tables[i],
                 tables[i]);
        cr_assert_eq(sql_rc(text), SQLITE_CONSTRAINT, "%s", text);
    }
}

/* Tables cases and machines have a rowid that is no column: no way around their keys. */
static void no_way_through_rowid(void)
{
    cr_assert_eq(sql_rc("INSERT OR REPLACE INTO machines(rowid, fingerprint, experiment)"
                        " VALUES (1, 'another', 1)"),
                 SQLITE_CONSTRAINT);
    cr_assert_eq(
        sql_rc("INSERT OR REPLACE INTO cases(rowid, experiment, position, name, op, regime)"
               " VALUES (1, 7, 7, '', '', '')"),
        SQLITE_CONSTRAINT);
}

Test(ledger, refuses_replace_through_a_hidden_rowid_in_older_files_too)
{
    static const char older[] =
        "DROP TRIGGER machines_no_replace; DROP TRIGGER cases_no_replace;"
        "CREATE TRIGGER machines_no_replace BEFORE INSERT ON machines WHEN EXISTS (SELECT 1 FROM "
        "machines WHERE fingerprint = NEW.fingerprint) BEGIN SELECT RAISE(ABORT, 'the ledger is "
        "append-only'); END;"
        "CREATE TRIGGER cases_no_replace BEFORE INSERT ON cases WHEN EXISTS (SELECT 1 FROM cases "
        "WHERE experiment = NEW.experiment AND position = NEW.position) BEGIN SELECT RAISE(ABORT, "
        "'the ledger is append-only'); END;"
        "PRAGMA user_version = 1";
    struct ledger_proof proof;
    struct ledger_fault fault;
    struct rng r;

    rng_init(&r, 12);
    append(&r);
    no_way_through_rowid();
    ledger_close(&l);
    cr_assert_eq(sql_rc(older), SQLITE_OK);
    cr_assert_eq(ledger_open(path, &l), 0, "%s", err_message());
    no_way_through_rowid();
    cr_assert_eq(ledger_verify(l, &proof, &fault), 0, "%s", fault.text);
    append(&r);
    cr_assert_eq(ledger_verify(l, &proof, &fault), 0, "%s", fault.text);
    cr_assert_eq(proof.n_rows, 2);
}

Test(ledger, refuses_a_number_that_is_not_the_next)
{
    struct ledger_row row;
    struct rng r;

    rng_init(&r, 4);
    random_row(&r, &row);
    row.experiment = 2;
    cr_assert_eq(ledger_append(l, &row, details, NULL), ERR_CONFLICT);
    cr_assert_eq(ledger_count(l), 0);
    row.experiment = 1;
    cr_assert_eq(ledger_append(l, &row, "[]", NULL), ERR_FORMAT);
    cr_assert_eq(ledger_count(l), 0);
    cr_assert_eq(ledger_append(l, &row, details, NULL), 0);
    ledger_row_deinit(&row);
}

static int give_details(void *ctx, int64_t n, struct strbuf *out)
{
    (void)n;
    strbuf_addf(out, "%s", (const char *)ctx);
    return 1;
}

static int no_details(void *ctx, int64_t n, struct strbuf *out)
{
    (void)ctx;
    (void)n;
    (void)out;
    return 0;
}

/* A second, empty ledger beside the first. */
static struct ledger *other_open(const char *name)
{
    struct ledger *other = NULL;
    char at[96];

    snprintf(at, sizeof at, "%s/%s.db", dir, name);
    cr_assert_eq(ledger_open(at, &other), 0);
    return other;
}

Test(ledger, is_rebuilt_from_its_results_tsv)
{
    struct ledger *other = other_open("other"), *bare = other_open("bare");
    struct strbuf tsv = {0}, again = {0};
    struct ledger_proof proof;
    struct ledger_fault fault;
    char copy[sizeof details];
    struct rng r;

    memcpy(copy, details, sizeof copy);
    rng_init(&r, 5);
    for (int i = 0; i < 20; i++)
        append(&r);
    cr_assert_eq(ledger_export(l, 0, &tsv), 0);
    cr_assert_eq(ledger_import(other, tsv.data, tsv.len, give_details, copy), 20, "%s",
                 err_message());
    cr_assert_eq(ledger_import(other, tsv.data, tsv.len, give_details, copy), 0);
    cr_assert_eq(ledger_export(other, 0, &again), 0);
    cr_assert_str_eq(tsv.data, again.data);
    cr_assert_eq(ledger_verify(other, &proof, &fault), 0, "%s", fault.text);
    cr_assert_eq(proof.n_without_details, 0);
    cr_assert_eq(ledger_import(bare, tsv.data, tsv.len, no_details, NULL), 20);
    cr_assert_eq(ledger_verify(bare, &proof, &fault), 0, "%s", fault.text);
    cr_assert_eq(proof.n_without_details, 20);
    ledger_close(&other);
    ledger_close(&bare);
    strbuf_deinit(&tsv);
    strbuf_deinit(&again);
}

Test(ledger, takes_nothing_from_a_results_tsv_with_any_byte_changed)
{
    struct ledger *other = other_open("other");
    struct strbuf tsv = {0};
    struct rng r;

    rng_init(&r, 6);
    for (int i = 0; i < 4; i++)
        append(&r);
    cr_assert_eq(ledger_export(l, 0, &tsv), 0);
    for (size_t i = 0; i < tsv.len; i++) {
        char was = tsv.data[i];

        tsv.data[i] = (char)(was ^ 1);
        cr_assert_lt(ledger_import(other, tsv.data, tsv.len, no_details, NULL), 0, "byte %zu", i);
        cr_assert_eq(ledger_count(other), 0);
        tsv.data[i] = was;
    }
    for (size_t n = 0; n < tsv.len;
         n++) /* cut anywhere: whole rows or nothing, never a broken one */
        if (ledger_import(l, tsv.data, n, no_details, NULL) == 0)
            cr_assert_eq(tsv.data[n - 1], '\n');
    cr_assert_eq(ledger_import(other, tsv.data, tsv.len, no_details, NULL), 4);
    ledger_close(&other);
    strbuf_deinit(&tsv);
}

Test(ledger, refuses_details_that_are_not_the_rows)
{
    struct ledger *other = other_open("other");
    char wrong[] = "{\"cases\":[]}";
    struct strbuf tsv = {0};
    struct rng r;

    rng_init(&r, 7);
    append(&r);
    cr_assert_eq(ledger_export(l, 0, &tsv), 0);
    cr_assert_eq(ledger_import(other, tsv.data, tsv.len, give_details, wrong), ERR_INTEGRITY);
    cr_assert_eq(ledger_count(other), 0);
    ledger_close(&other);
    strbuf_deinit(&tsv);
}

Test(ledger, demands_a_seal_where_the_judge_changes)
{
    struct ledger_proof proof;
    struct ledger_fault fault;
    struct ledger_row row;
    struct rng r;

    rng_init(&r, 8);
    append(&r);
    for (int i = 0; i < 2; i++) {
        ledger_row_init(&row);
        ledger_text_set(&row.verdict, i ? "LOSS" : LEDGER_SEAL);
        ledger_text_set(&row.judge, "two");
        cr_assert_eq(ledger_append(l, &row, "{}", NULL), 0);
        ledger_row_deinit(&row);
    }
    cr_assert_eq(ledger_verify(l, &proof, &fault), 0, "%s", fault.text);
    append(&r); /* judge "one" again, without a seal */
    cr_assert_eq(ledger_verify(l, &proof, &fault), 1);
    cr_assert_eq(fault.experiment, 4);
    cr_assert(strstr(fault.text, "SEAL"), "%s", fault.text);
}

static void append_details(const char *text)
{
    struct ledger_row row;
    struct rng r;

    rng_init(&r, 11);
    random_row(&r, &row);
    cr_assert_eq(ledger_append(l, &row, text, NULL), 0, "%s", err_message());
    ledger_row_deinit(&row);
}

static int64_t sql_number(const char *text)
{
    sqlite3_stmt *s = NULL;
    sqlite3 *db = NULL;
    int64_t n;

    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, text, -1, &s, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(s), SQLITE_ROW);
    n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return n;
}

Test(ledger, enters_a_calibration_once_with_the_row_that_brought_it)
{
    static const char with[] = "{\"calibration\":{\"verdict\":\"FIT\",\"mde\":0.02}}";
    struct ledger *other = other_open("other");
    struct strbuf tsv = {0};
    struct ledger_proof proof;
    struct ledger_fault fault;
    char copy[sizeof with];

    append_details(with);
    append_details(with);
    append_details("{}");
    append_details("{\"calibration\":{\"verdict\":\"UNFIT\",\"mde\":null}}");
    cr_assert_eq(sql_number("SELECT count(*) FROM controls"), 2);
    cr_assert_eq(sql_number("SELECT experiment FROM controls WHERE verdict = 'FIT' AND"
                            " estimate = 0.02 AND kind = 'calibration'"),
                 1);
    cr_assert_eq(sql_number("SELECT experiment FROM controls WHERE estimate IS NULL"), 4);
    cr_assert_eq(ledger_verify(l, &proof, &fault), 0, "%s", fault.text);
    cr_assert_eq(ledger_export(l, 2, &tsv), 0);
    memcpy(copy, with, sizeof copy);
    cr_assert_eq(ledger_import(other, tsv.data, tsv.len, give_details, copy), 2);
    cr_assert_eq(ledger_verify(other, &proof, &fault), 0, "%s", fault.text);
    ledger_close(&other);
    strbuf_deinit(&tsv);
}

Test(ledger, notices_a_control_that_no_row_carries_or_that_says_something_else)
{
    static const char *const tampering[] = {
        "INSERT INTO controls VALUES (9, 1, 'calibration', 'FIT', 0.01, '{}')",
        "INSERT INTO controls VALUES (9, 7, 'calibration', 'FIT', 0.01, '{}')",
        "DROP TRIGGER controls_no_UPDATE; UPDATE controls SET verdict = 'FIT'",
        "DROP TRIGGER controls_no_UPDATE; UPDATE controls SET estimate = 0.001",
        "DROP TRIGGER controls_no_UPDATE; UPDATE controls SET experiment = 1",
        "DROP TRIGGER controls_no_UPDATE; UPDATE controls SET experiment = 3",
        "DROP TRIGGER controls_no_UPDATE; UPDATE controls SET json = '{}'",
        "DROP TRIGGER controls_no_DELETE; DELETE FROM controls"};
    static const char with[] = "{\"calibration\":{\"verdict\":\"UNFIT\",\"mde\":0.02}}";
    struct ledger_proof proof;
    struct ledger_fault fault;

    for (size_t i = 0; i < sizeof tampering / sizeof *tampering; i++) {
        ledger_close(&l);
        file_remove_tree(dir);
        cr_assert_eq(file_make_dirs(dir), 0);
        cr_assert_eq(ledger_open(path, &l), 0);
        append_details("{}");
        append_details(with);
        append_details(with);
        cr_assert_eq(ledger_verify(l, &proof, &fault), 0, "%s", fault.text);
        cr_assert_eq(sql_rc(tampering[i]), SQLITE_OK);
        cr_assert_eq(ledger_verify(l, &proof, &fault), 1, "%s", tampering[i]);
        cr_assert(i == 1 || strstr(fault.text, "controls"), "%s", fault.text);
    }
}

Test(ledger, notices_a_trigger_that_is_gone_or_says_something_else)
{
    struct ledger_proof proof;
    struct ledger_fault fault;
    struct rng r;

    rng_init(&r, 9);
    append(&r);
    cr_assert_eq(ledger_verify(l, &proof, &fault), 0, "%s", fault.text);
    cr_assert_eq(sql_rc("DROP TRIGGER states_no_DELETE"), SQLITE_OK);
    cr_assert_eq(ledger_verify(l, &proof, &fault), 1);
    cr_assert(strstr(fault.text, "trigger"), "%s", fault.text);
    cr_assert_eq(sql_rc("CREATE TRIGGER states_no_DELETE BEFORE DELETE ON states"
                        " BEGIN SELECT 'as you like'; END"),
                 SQLITE_OK);
    cr_assert_eq(ledger_verify(l, &proof, &fault), 1);
}

/* A trigger of somebody else's can drop rows, and SQLite calls that a success. */
Test(ledger, notices_a_trigger_or_a_view_too_many_and_a_row_that_was_dropped)
{
    struct ledger_proof proof;
    struct ledger_fault fault;
    struct ledger_row row;
    struct rng r;

    rng_init(&r, 13);
    append(&r);
    cr_assert_eq(sql_rc("CREATE TRIGGER mine BEFORE INSERT ON experiments WHEN NEW.verdict = 'LOSS'"
                        " BEGIN SELECT RAISE(IGNORE); END"),
                 SQLITE_OK);
    cr_assert_eq(ledger_verify(l, &proof, &fault), 1);
    cr_assert(strstr(fault.text, "trigger"), "%s", fault.text);
    random_row(&r, &row);
    cr_assert_eq(ledger_append(l, &row, details, NULL), ERR_INTEGRITY);
    ledger_row_deinit(&row);
    cr_assert_eq(ledger_count(l), 1);
    cr_assert_eq(sql_rc("DROP TRIGGER mine; CREATE VIEW mine AS SELECT 1"), SQLITE_OK);
    cr_assert_eq(ledger_verify(l, &proof, &fault), 1);
    cr_assert_eq(sql_rc("DROP VIEW mine"), SQLITE_OK);
    cr_assert_eq(ledger_verify(l, &proof, &fault), 0, "%s", fault.text);
}

static int interrupt_once(void *left)
{
    return (*(int *)left)-- == 0;
}

Test(ledger, takes_no_error_of_sqlite_for_the_end_of_what_there_is)
{
    struct ledger_proof proof;
    struct ledger_fault fault;
    int at = 0, left = -1, rc;

    append_details("{\"calibration\":{\"verdict\":\"FIT\",\"mde\":0.02}}");
    append_details(details);
    do {
        left = at++;
        sqlite3_progress_handler(l->db, 1, interrupt_once, &left);
        rc = ledger_verify(l, &proof, &fault);
        cr_assert(left >= 0 || rc < 0, "interrupted at %d: %d %s", at, rc, fault.text);
    } while (left < 0);
    sqlite3_progress_handler(l->db, 0, NULL, NULL);
    cr_assert_gt(at, 50);
    cr_assert_eq(rc, 0, "%s", fault.text);
}

/* What JSON cannot hold would be lost wherever rows are shown. */
Test(ledger, takes_no_text_that_is_no_utf8)
{
    struct ledger_row row, parsed;
    struct strbuf line = {0};
    struct rng r;

    rng_init(&r, 14);
    random_row(&r, &row);
    ledger_text_set(&row.author, "M\xfcller");
    ledger_tsv_line(&row, true, &line);
    cr_assert_eq(ledger_tsv_parse(line.data, line.len, &parsed), ERR_FORMAT);
    ledger_row_deinit(&parsed);
    cr_assert_eq(ledger_append(l, &row, details, NULL), ERR_FORMAT);
    cr_assert_eq(ledger_count(l), 0);
    ledger_text_set(&row.author, "M\xc3\xbcller");
    cr_assert_eq(ledger_append(l, &row, details, NULL), 0, "%s", err_message());
    ledger_row_deinit(&row);
    strbuf_deinit(&line);
}

/* Processes that open the same new file at once, append, and read what the others write. */
Test(ledger, takes_rows_from_several_processes_at_once)
{
    enum { N_PROCESSES = 4, N_ROWS = 15 };
    struct ledger_proof proof;
    struct ledger_fault fault;

    ledger_close(&l);
    file_remove_tree(dir);
    cr_assert_eq(file_make_dirs(dir), 0);
    for (int i = 0; i < N_PROCESSES; i++) {
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
            struct rng r;
            int bad = ledger_open(path, &l) < 0;

            rng_init(&r, (uint64_t)i);
            for (int k = 0; !bad && k < N_ROWS; k++) {
                struct ledger_row row;

                random_row(&r, &row);
                bad = ledger_append(l, &row, details, NULL) < 0 ||
                      ledger_verify(l, &proof, &fault) != 0;
                ledger_row_deinit(&row);
            }
            if (bad)
                fprintf(stderr, "process %d: %s\n", i, err_message());
            _exit(bad);
        }
    }
    for (int i = 0; i < N_PROCESSES; i++) {
        int status = -1;

        cr_assert_gt(wait(&status), 0);
        cr_assert_eq(status, 0);
    }
    cr_assert_eq(ledger_open(path, &l), 0);
    cr_assert_eq(ledger_count(l), N_PROCESSES * N_ROWS);
    cr_assert_eq(ledger_verify(l, &proof, &fault), 0, "%s", fault.text);
}

/* Damage below SQL: never a crash, never a silent yes to another content. */
Test(ledger, survives_any_damaged_byte_of_the_file)
{
    struct strbuf file = {0}, tsv = {0}, again = {0};
    struct ledger_row seal;
    struct rng r;

    rng_init(&r, 10);
    append(&r);
    ledger_row_init(&seal);
    ledger_text_set(&seal.verdict, LEDGER_SEAL);
    ledger_text_set(&seal.judge, "two");
    cr_assert_eq(ledger_append(l, &seal, "{}", NULL), 0);
    ledger_row_deinit(&seal);
    cr_assert_eq(ledger_export(l, 0, &tsv), 0);
    ledger_close(&l);
    cr_assert_eq(file_read(path, &file), 0);
    for (int i = 0; i < 1500; i++) {
        size_t at = (size_t)rng_below(&r, file.len);
        struct ledger_proof proof;
        struct ledger_fault fault;
        char was;

        if (file.data[at] == 0) /* most of the file is empty space */
            continue;
        was = file.data[at];
        file.data[at] = (char)(was ^ 1 << rng_below(&r, 8));
        cr_assert_eq(file_write_atomic(path, file.data, file.len), 0);
        file.data[at] = was;
        strbuf_clear(&again);
        if (ledger_open(path, &l) == 0 && ledger_verify(l, &proof, &fault) == 0 &&
            proof.n_rows == 2) {
            cr_assert_eq(ledger_export(l, 0, &again), 0);
            cr_assert_str_eq(again.data, tsv.data, "byte %zu", at);
        }
        ledger_close(&l);
    }
    strbuf_deinit(&file);
    strbuf_deinit(&tsv);
    strbuf_deinit(&again);
}

Test(ledger, knows_what_is_pending)
{
    struct strbuf data = {0};
    int64_t n = 0;
    char name[32];

    cr_assert_eq(ledger_state_pending(l, &n, name), 0);
    cr_assert_eq(ledger_state_add(l, &(struct ledger_state){1, "proposed", "{\"a\":1}"}), 0);
    cr_assert_eq(ledger_state_add(l, &(struct ledger_state){1, "done", NULL}), 0);
    cr_assert_eq(ledger_state_add(l, &(struct ledger_state){2, "proposed", "{\"a\":2}"}), 0);
    cr_assert_eq(ledger_state_add(l, &(struct ledger_state){2, "built", NULL}), 0);
    cr_assert_eq(ledger_state_pending(l, &n, name), 1);
    cr_assert_eq(n, 2);
    cr_assert_str_eq(name, "built");
    cr_assert_eq(ledger_state_find(l, 2, "proposed", &data), 1);
    cr_assert_str_eq(data.data, "{\"a\":2}");
    cr_assert_eq(ledger_state_find(l, 2, "applied", &data), 0);
    cr_assert_eq(ledger_state_add(l, &(struct ledger_state){2, "done", NULL}), 0);
    cr_assert_eq(ledger_state_pending(l, &n, name), 0);
    strbuf_deinit(&data);
}

Test(ledger, refuses_a_file_that_is_no_ledger_or_a_newer_one)
{
    struct ledger *bad = NULL;
    char at[96];

    snprintf(at, sizeof at, "%s/text.db", dir);
    cr_assert_eq(file_write_atomic(at, "this is a text file, not a database....", 39), 0);
    cr_assert_lt(ledger_open(at, &bad), 0);
    cr_assert_null(bad);
    cr_assert_eq(sql_rc("PRAGMA user_version = 99"), SQLITE_OK);
    cr_assert_eq(ledger_open(path, &bad), ERR_UNSUPPORTED);
}
