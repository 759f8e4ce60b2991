/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/ledger.h"

#include "ledger/schema.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char ledger_genesis[SHA256_HEX] =
    "0000000000000000000000000000000000000000000000000000000000000000";

static char **text_field(struct ledger_row *row, size_t column)
{
    return (char **)(void *)((char *)row + ledger__columns[column].offset);
}

void ledger_text_set(char **field, const char *text)
{
    char *copy = strdup(text ? text : "");

    if (!copy)
        abort();
    free(*field);
    *field = copy;
}

void ledger_row_init(struct ledger_row *row)
{
    memset(row, 0, sizeof *row);
    for (size_t i = 0; i < LEDGER__N_COLUMNS; i++) {
        if (ledger__columns[i].kind == LEDGER__TEXT)
            ledger_text_set(text_field(row, i), "");
        else if (ledger__columns[i].kind == LEDGER__REAL)
            *(double *)(void *)((char *)row + ledger__columns[i].offset) = NAN;
    }
}

void ledger_row_deinit(struct ledger_row *row)
{
    for (size_t i = 0; i < LEDGER__N_COLUMNS; i++)
        if (ledger__columns[i].kind == LEDGER__TEXT)
            free(*text_field(row, i));
    memset(row, 0, sizeof *row);
}

/* --- database --- */

int ledger__fail(struct ledger *l, const char *doing)
{
    return err_set(ERR_IO, "ledger: %s: %s", doing, sqlite3_errmsg(l->db));
}

int ledger__exec(struct ledger *l, const char *sql)
{
    return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : ledger__fail(l, sql);
}

int ledger__prepare(struct ledger *l, const char *sql, sqlite3_stmt **out)
{
    return sqlite3_prepare_v2(l->db, sql, -1, out, NULL) == SQLITE_OK ? 0 : ledger__fail(l, sql);
}

int ledger__step(struct ledger *l, sqlite3_stmt *s, const char *doing)
{
    int step = sqlite3_step(s);

    return step == SQLITE_ROW ? 1 : step == SQLITE_DONE ? 0 : ledger__fail(l, doing);
}

bool ledger__column_is(sqlite3_stmt *s, int at, const char *want)
{
    const char *text =
        sqlite3_column_type(s, at) == SQLITE_TEXT ? (const char *)sqlite3_column_text(s, at) : NULL;
    size_t len = strlen(want);

    return text && (size_t)sqlite3_column_bytes(s, at) == len && memcmp(text, want, len) == 0;
}

enum { BUSY_MS = 10000, BUSY_STEP_MS = 20 };

/* Switching a new file to WAL while another process opens it is refused at once, whatever the busy
 * timeout says: so the waiting is ours. */
static int set_pragmas(struct ledger *l)
{
    static const char text[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                               "PRAGMA foreign_keys = ON;";
    int rc;

    for (int waited = 0; waited < BUSY_MS; waited += BUSY_STEP_MS) {
        rc = sqlite3_exec(l->db, text, NULL, NULL, NULL);
        if (rc != SQLITE_BUSY)
            return rc == SQLITE_OK ? 0 : ledger__fail(l, "opening");
        sqlite3_sleep(BUSY_STEP_MS);
    }
    return ledger__fail(l, "opening");
}

int ledger_open(const char *path, struct ledger **out)
{
    struct ledger *l = calloc(1, sizeof *l);
    int rc = 0;

    if (!l)
        return err_set(ERR_NOMEM, "ledger: out of memory");
    if (sqlite3_open_v2(path, &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK) {
        rc = err_set(ERR_IO, "ledger %s: %s", path, sqlite3_errmsg(l->db));
        goto out;
    }
    rc = set_pragmas(l);
    sqlite3_busy_timeout(l->db, BUSY_MS);
    if (rc == 0)
        rc = ledger__schema_create(l->db);
    if (rc < 0)
        err_wrap("%s", path);
out:
    if (rc < 0)
        ledger_close(&l);
    *out = l;
    return rc;
}

void ledger_close(struct ledger **l)
{
    if (!*l)
        return;
    sqlite3_close((*l)->db);
    free(*l);
    *l = NULL;
}

int ledger__last(struct ledger *l, int64_t *n, char hash[SHA256_HEX])
{
    sqlite3_stmt *s = NULL;
    int rc;

    *n = 0;
    memcpy(hash, ledger_genesis, SHA256_HEX);
    TRY(ledger__prepare(
        l, "SELECT experiment, hash FROM experiments ORDER BY experiment DESC LIMIT 1", &s));
    rc = ledger__step(l, s, "reading the last row");
    if (rc == 1) {
        const char *text = (const char *)sqlite3_column_text(s, 1);

        *n = sqlite3_column_int64(s, 0);
        if (text && strlen(text) == SHA256_HEX - 1)
            memcpy(hash, text, SHA256_HEX);
    }
    sqlite3_finalize(s);
    return rc < 0 ? rc : 0;
}

int64_t ledger_count(struct ledger *l)
{
    char hash[SHA256_HEX];
    int64_t n;

    TRY(ledger__last(l, &n, hash));
    return n;
}

/* --- writing --- */

static void bind_column(sqlite3_stmt *s, const struct ledger_row *row, size_t i)
{
    int at = (int)i + 1;

    switch (ledger__columns[i].kind) {
    case LEDGER__INT:
        sqlite3_bind_int64(s, at, ledger__int(row, i));
        break;
    case LEDGER__REAL:
        if (isnan(ledger__real(row, i)))
            sqlite3_bind_null(s, at);
        else
            sqlite3_bind_double(s, at, ledger__real(row, i));
        break;
    case LEDGER__TEXT:
        sqlite3_bind_text(s, at, ledger__text(row, i), -1, SQLITE_TRANSIENT);
        break;
    }
}

static int step_done(struct ledger *l, sqlite3_stmt *s, const char *doing)
{
    int rc = ledger__step(l, s, doing);

    sqlite3_finalize(s);
    return rc;
}

/* The same where exactly one row must come of it: a trigger can drop rows without an error. */
static int step_one(struct ledger *l, sqlite3_stmt *s, const char *doing)
{
    TRY(step_done(l, s, doing));
    return sqlite3_changes(l->db) == 1
               ? 0
               : err_set(ERR_INTEGRITY, "ledger: %s: the table did not take it", doing);
}

static int insert_row(struct ledger *l, const struct ledger_row *row)
{
    struct strbuf sql = {0};
    sqlite3_stmt *s = NULL;
    int rc;

    strbuf_addf(&sql, "INSERT INTO experiments VALUES (?");
    for (size_t i = 1; i < LEDGER__N_COLUMNS; i++)
        strbuf_addf(&sql, ", ?");
    strbuf_addf(&sql, ")");
    rc = ledger__prepare(l, strbuf_str(&sql), &s);
    strbuf_deinit(&sql);
    TRY(rc);
    for (size_t i = 0; i < LEDGER__N_COLUMNS; i++)
        bind_column(s, row, i);
    return step_one(l, s, "appending the row");
}

static void bind_number(sqlite3_stmt *s, int at, const json_t *value)
{
    if (json_is_number(value))
        sqlite3_bind_double(s, at, json_number_value(value));
    else
        sqlite3_bind_null(s, at);
}

static int insert_cases(struct ledger *l, int64_t n, const json_t *cases)
{
    static const char *const texts[] = {"name", "op", "regime"};
    static const char *const reals[] = {"estimate",     "low",      "high",       "candidate_ns",
                                        "incumbent_ns", "floor_ns", "utilisation"};
    size_t position;
    json_t *c;

    json_array_foreach(cases, position, c)
    {
        sqlite3_stmt *s = NULL;

        TRY(ledger__prepare(l, "INSERT INTO cases VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", &s));
        sqlite3_bind_int64(s, 1, n);
        sqlite3_bind_int64(s, 2, (int64_t)position);
        for (int i = 0; i < 3; i++) {
            const char *text = json_string_value(json_object_get(c, texts[i]));

            sqlite3_bind_text(s, 3 + i, text ? text : "", -1, SQLITE_TRANSIENT);
        }
        for (int i = 0; i < 7; i++)
            bind_number(s, 6 + i, json_object_get(c, reals[i]));
        TRY(step_one(l, s, "appending a case"));
    }
    return 0;
}

/* A calibration is entered once, with the first row that was judged under it. */
static int insert_control(struct ledger *l, int64_t n, const json_t *calibration)
{
    char *text = ledger__control_text(calibration);
    sqlite3_stmt *s = NULL;
    int rc;

    if (!text)
        return 0;
    rc = ledger__prepare(l,
                         "INSERT INTO controls (experiment, kind, verdict, estimate, json)"
                         " SELECT ?1, 'calibration', ?2, ?3, ?4"
                         " WHERE NOT EXISTS (SELECT 1 FROM controls WHERE json = ?4)",
                         &s);
    if (rc == 0) {
        const char *verdict = json_string_value(json_object_get(calibration, "verdict"));

        sqlite3_bind_int64(s, 1, n);
        sqlite3_bind_text(s, 2, verdict ? verdict : "", -1, SQLITE_TRANSIENT);
        bind_number(s, 3, json_object_get(calibration, "mde"));
        sqlite3_bind_text(s, 4, text, -1, SQLITE_TRANSIENT);
        rc = step_done(l, s, "appending the calibration");
    }
    free(text);
    return rc;
}

static int insert_details(struct ledger *l, int64_t n, const char *details)
{
    json_error_t why;
    json_t *json = json_loads(details, 0, &why);
    sqlite3_stmt *s = NULL;
    int rc;

    if (!json_is_object(json)) {
        json_decref(json);
        return err_set(ERR_FORMAT, "ledger: details of row %lld are no JSON object: %s",
                       (long long)n, why.text);
    }
    rc = insert_cases(l, n, json_object_get(json, "cases"));
    if (rc == 0)
        rc = insert_control(l, n, json_object_get(json, "calibration"));
    json_decref(json);
    TRY(rc);
    TRY(ledger__prepare(l, "INSERT INTO samples VALUES (?, ?)", &s));
    sqlite3_bind_int64(s, 1, n);
    sqlite3_bind_text(s, 2, details, -1, SQLITE_TRANSIENT);
    return step_one(l, s, "appending details");
}

static int insert_machine(struct ledger *l, const struct ledger_row *row)
{
    sqlite3_stmt *s = NULL;

    TRY(ledger__prepare(l,
                        "INSERT INTO machines SELECT ?1, ?2 WHERE NOT EXISTS"
                        " (SELECT 1 FROM machines WHERE fingerprint = ?1)",
                        &s));
    sqlite3_bind_text(s, 1, row->machine, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(s, 2, row->experiment);
    return step_done(l, s, "appending the machine");
}

static int insert_seal(struct ledger *l, const struct ledger_row *row)
{
    sqlite3_stmt *s = NULL;

    TRY(ledger__prepare(l,
                        "INSERT INTO seals SELECT ?1, coalesce((SELECT judge FROM experiments WHERE"
                        " experiment = ?1 - 1), ''), ?2, ?3",
                        &s));
    sqlite3_bind_int64(s, 1, row->experiment);
    sqlite3_bind_text(s, 2, row->judge, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(s, 3, row->attempt, -1, SQLITE_TRANSIENT);
    return step_one(l, s, "appending the seal");
}

char *ledger__control_text(const json_t *calibration)
{
    return json_is_object(calibration) ? json_dumps(calibration, JSON_COMPACT | JSON_SORT_KEYS)
                                       : NULL;
}

int ledger__insert(struct ledger *l, const struct ledger_row *row, const char *details)
{
    TRY(insert_row(l, row));
    if (details)
        TRY(insert_details(l, row->experiment, details));
    if (row->machine[0])
        TRY(insert_machine(l, row));
    if (strcmp(row->verdict, LEDGER_SEAL) == 0)
        TRY(insert_seal(l, row));
    return 0;
}

/* What is appended must be what a results.tsv is read back from. */
static int check_line(const struct ledger_row *row)
{
    struct strbuf line = {0};
    struct ledger_row again;
    int rc;

    ledger_tsv_line(row, true, &line);
    rc = ledger_tsv_parse(line.data, line.len, &again);
    ledger_row_deinit(&again);
    strbuf_deinit(&line);
    return rc;
}

static int append_locked(struct ledger *l, struct ledger_row *row, const char *details,
                         const struct ledger_state *state)
{
    char hash[SHA256_HEX];
    int64_t last;

    TRY(ledger__last(l, &last, hash));
    if (row->experiment && row->experiment != last + 1)
        return err_set(ERR_CONFLICT, "ledger: row %lld cannot follow row %lld",
                       (long long)row->experiment, (long long)last);
    row->experiment = last + 1;
    for (size_t i = 0; i < LEDGER__N_COLUMNS; i++)
        if (ledger__columns[i].kind == LEDGER__REAL)
            *(double *)(void *)((char *)row + ledger__columns[i].offset) =
                ledger__canonical(ledger__real(row, i));
    ledger_text_set(&row->previous, hash);
    sha256_hex(details, strlen(details), hash);
    ledger_text_set(&row->details, hash);
    ledger_row_hash(row, hash);
    ledger_text_set(&row->hash, hash);
    TRY(check_line(row));
    TRY(ledger__insert(l, row, details));
    return state ? ledger_state_add(l, state) : 0;
}

int ledger_append(struct ledger *l, struct ledger_row *row, const char *details,
                  const struct ledger_state *state)
{
    int rc;

    TRY(ledger__exec(l, "BEGIN IMMEDIATE"));
    rc = append_locked(l, row, details, state);
    if (rc == 0)
        rc = ledger__exec(l, "COMMIT");
    if (rc < 0)
        sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

/* --- reading --- */

/* Take column i of the current result row; false when its type or value is none we ever write. */
static bool read_column(sqlite3_stmt *s, size_t i, struct ledger_row *row)
{
    int at = (int)i, type = sqlite3_column_type(s, at);
    char *field = (char *)row + ledger__columns[i].offset;
    const char *text;

    switch (ledger__columns[i].kind) {
    case LEDGER__INT:
        *(int64_t *)(void *)field = sqlite3_column_int64(s, at);
        return type == SQLITE_INTEGER;
    case LEDGER__REAL:
        if (type == SQLITE_NULL)
            return true;
        *(double *)(void *)field = sqlite3_column_double(s, at);
        return type == SQLITE_FLOAT &&
               ledger__canonical(ledger__real(row, i)) == ledger__real(row, i);
    case LEDGER__TEXT:
        if (type != SQLITE_TEXT)
            return false;
        text = (const char *)sqlite3_column_text(s, at);
        ledger_text_set((char **)(void *)field, text);
        return strlen(text) == (size_t)sqlite3_column_bytes(s, at);
    }
    return false;
}

static int read_row(sqlite3_stmt *s, struct ledger_row *row)
{
    ledger_row_init(row);
    row->experiment = sqlite3_column_int64(s, 0);
    for (size_t i = 0; i < LEDGER__N_COLUMNS; i++)
        if (!read_column(s, i, row))
            return err_set(ERR_INTEGRITY, "ledger: row %lld: column %s holds no value of its kind",
                           (long long)row->experiment, ledger__columns[i].name);
    return 0;
}

int ledger_each(struct ledger *l, int64_t first, int64_t last, ledger_row_fn each, void *ctx)
{
    sqlite3_stmt *s = NULL;
    int rc;

    TRY(ledger__prepare(l,
                        "SELECT * FROM experiments WHERE experiment >= ?1"
                        " AND (?2 = 0 OR experiment <= ?2) ORDER BY experiment",
                        &s));
    sqlite3_bind_int64(s, 1, first);
    sqlite3_bind_int64(s, 2, last);
    while ((rc = ledger__step(l, s, "reading rows")) == 1) {
        struct ledger_row row;

        rc = read_row(s, &row);
        if (rc == 0)
            rc = each(ctx, &row);
        ledger_row_deinit(&row);
        if (rc)
            break;
    }
    sqlite3_finalize(s);
    return rc;
}

int ledger_find(struct ledger *l, int64_t n, struct ledger_row *out)
{
    sqlite3_stmt *s = NULL;
    int rc;

    TRY(ledger__prepare(l, "SELECT * FROM experiments WHERE experiment = ?", &s));
    sqlite3_bind_int64(s, 1, n);
    rc = ledger__step(l, s, "reading a row");
    if (rc == 1) {
        rc = read_row(s, out);
        if (rc < 0)
            ledger_row_deinit(out);
        else
            rc = 1;
    }
    sqlite3_finalize(s);
    return rc;
}

int ledger__read_text(struct ledger *l, sqlite3_stmt *s, const char *doing, struct strbuf *out)
{
    int rc = ledger__step(l, s, doing);

    if (rc == 1)
        strbuf_add(out, sqlite3_column_text(s, 0), (size_t)sqlite3_column_bytes(s, 0));
    sqlite3_finalize(s);
    return rc;
}

int ledger_details(struct ledger *l, int64_t n, struct strbuf *out)
{
    sqlite3_stmt *s = NULL;

    TRY(ledger__prepare(l, "SELECT json FROM samples WHERE experiment = ?", &s));
    sqlite3_bind_int64(s, 1, n);
    return ledger__read_text(l, s, "reading details", out);
}
