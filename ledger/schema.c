/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/schema.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* 2: no row of cases or machines goes through its hidden rowid either. */
enum { SCHEMA_VERSION = 2 };

#define COLUMN(kind, field)                                                                        \
    {                                                                                              \
#field, LEDGER__##kind, offsetof(struct ledger_row, field)                                 \
    }

const struct ledger__column ledger__columns[LEDGER__N_COLUMNS] = {
    COLUMN(INT, experiment),    COLUMN(TEXT, time),     COLUMN(TEXT, verdict),
    COLUMN(TEXT, hypothesis),   COLUMN(TEXT, author),   COLUMN(TEXT, parent),
    COLUMN(TEXT, attempt),      COLUMN(TEXT, kernel),   COLUMN(TEXT, judge),
    COLUMN(TEXT, machine),      COLUMN(TEXT, compiler), COLUMN(TEXT, seeds),
    COLUMN(TEXT, focus),        COLUMN(TEXT, reason),   COLUMN(REAL, estimate),
    COLUMN(REAL, low),          COLUMN(REAL, high),     COLUMN(INT, units),
    COLUMN(INT, confirm_units), COLUMN(REAL, score),    COLUMN(REAL, latency_ms),
    COLUMN(REAL, utilisation),  COLUMN(REAL, gflops),   COLUMN(REAL, gbps),
    COLUMN(TEXT, regime),       COLUMN(TEXT, counters), COLUMN(REAL, seconds),
    COLUMN(TEXT, code_key),     COLUMN(TEXT, details),  COLUMN(TEXT, previous),
    COLUMN(TEXT, hash),
};

int64_t ledger__int(const struct ledger_row *row, size_t column)
{
    return *(const int64_t *)(const void *)((const char *)row + ledger__columns[column].offset);
}

double ledger__real(const struct ledger_row *row, size_t column)
{
    return *(const double *)(const void *)((const char *)row + ledger__columns[column].offset);
}

const char *ledger__text(const struct ledger_row *row, size_t column)
{
    return *(char *const *)(const void *)((const char *)row + ledger__columns[column].offset);
}

double ledger__canonical(double x)
{
    char text[32];

    if (!isfinite(x))
        return NAN;
    snprintf(text, sizeof text, "%.6g", x);
    return strtod(text, NULL);
}

static void experiments_ddl(struct strbuf *sql)
{
    static const char *const types[] = {"INTEGER NOT NULL", "REAL", "TEXT NOT NULL"};

    strbuf_addf(sql, "CREATE TABLE experiments (");
    for (size_t i = 0; i < LEDGER__N_COLUMNS; i++)
        strbuf_addf(sql, "%s %s%s, ", ledger__columns[i].name, types[ledger__columns[i].kind],
                    i == 0 ? " PRIMARY KEY" : "");
    strbuf_addf(sql, "CHECK (experiment > 0)) STRICT;\n");
}

/* Tables beside experiments, and the keys that may not come twice: the hidden rowid is one where no
 * column has its place. */
static const struct {
    const char *name, *key, *ddl;
} tables[] = {
    {"experiments", "experiment = NEW.experiment", NULL},
    {"cases", "experiment = NEW.experiment AND position = NEW.position OR rowid = NEW.rowid",
     "experiment INTEGER NOT NULL REFERENCES experiments, position INTEGER NOT NULL,"
     " name TEXT NOT NULL, op TEXT NOT NULL, regime TEXT NOT NULL, estimate REAL, low REAL, high "
     "REAL,"
     " candidate_ns REAL, incumbent_ns REAL, floor_ns REAL, utilisation REAL,"
     " PRIMARY KEY (experiment, position)"},
    /* The detail record of an experiment, byte for byte; json_each reads single units from it. */
    {"samples", "experiment = NEW.experiment",
     "experiment INTEGER PRIMARY KEY REFERENCES experiments, json TEXT NOT NULL"},
    {"machines", "fingerprint = NEW.fingerprint OR rowid = NEW.rowid",
     "fingerprint TEXT PRIMARY KEY, experiment INTEGER NOT NULL"},
    {"controls", "id = NEW.id",
     "id INTEGER PRIMARY KEY, experiment INTEGER NOT NULL, kind TEXT NOT NULL, verdict TEXT NOT "
     "NULL,"
     " estimate REAL, json TEXT NOT NULL"},
    {"seals", "experiment = NEW.experiment",
     "experiment INTEGER PRIMARY KEY REFERENCES experiments, old_hash TEXT NOT NULL,"
     " new_hash TEXT NOT NULL, head TEXT NOT NULL"},
    {"states", "id = NEW.id",
     "id INTEGER PRIMARY KEY, attempt INTEGER NOT NULL, name TEXT NOT NULL, time TEXT NOT NULL,"
     " data TEXT NOT NULL"},
};

/* UPDATE and DELETE are refused, and so is INSERT OR REPLACE, which would delete in silence. */
enum {
    N_TABLES = sizeof tables / sizeof *tables,
    N_TRIGGERS = 3, /* of each table */
    NO_REPLACE = 2
};

/* Append the statement that makes trigger k of a table, as SQLite keeps it: without semicolon. */
static void trigger_ddl(const char *table, const char *key, int k, struct strbuf *sql)
{
    static const char *const events[] = {"UPDATE", "DELETE"};

    if (k < NO_REPLACE)
        strbuf_addf(sql, "CREATE TRIGGER %s_no_%s BEFORE %s ON %s", table, events[k], events[k],
                    table);
    else
        strbuf_addf(sql,
                    "CREATE TRIGGER %s_no_replace BEFORE INSERT ON %s"
                    " WHEN EXISTS (SELECT 1 FROM %s WHERE %s)",
                    table, table, table, key);
    strbuf_addf(sql, " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END");
}

/* 1 when that many triggers and views are all there are: one more could drop rows in silence. */
static int none_besides(struct ledger *l, int n)
{
    sqlite3_stmt *s = NULL;
    int rc;

    TRY(ledger__prepare(l, "SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')",
                        &s));
    rc = ledger__step(l, s, "counting triggers");
    if (rc == 1)
        rc = sqlite3_column_int(s, 0) == n;
    sqlite3_finalize(s);
    return rc;
}

int ledger__schema_guarded(struct ledger *l)
{
    struct strbuf ddl = {0};
    sqlite3_stmt *s = NULL;
    int guarded = 1;

    TRY(ledger__prepare(l, "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND sql = ?", &s));
    for (int i = 0; guarded == 1 && i < N_TABLES * N_TRIGGERS; i++) {
        strbuf_clear(&ddl);
        trigger_ddl(tables[i / N_TRIGGERS].name, tables[i / N_TRIGGERS].key, i % N_TRIGGERS, &ddl);
        sqlite3_bind_text(s, 1, ddl.data, -1, SQLITE_TRANSIENT);
        guarded = ledger__step(l, s, "reading triggers");
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    strbuf_deinit(&ddl);
    return guarded == 1 ? none_besides(l, N_TABLES * N_TRIGGERS) : guarded;
}

static int schema_version(sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    int version = -1;

    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        version = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return version;
}

static void schema_ddl(struct strbuf *sql)
{
    experiments_ddl(sql);
    for (int i = 0; i < N_TABLES; i++) {
        if (tables[i].ddl)
            strbuf_addf(sql, "CREATE TABLE %s (%s) STRICT;\n", tables[i].name, tables[i].ddl);
        for (int k = 0; k < N_TRIGGERS; k++) {
            trigger_ddl(tables[i].name, tables[i].key, k, sql);
            strbuf_addf(sql, ";\n");
        }
    }
}

/* From schema 1: the tables are the same. */
static void upgrade_ddl(struct strbuf *sql)
{
    for (int i = 0; i < N_TABLES; i++) {
        strbuf_addf(sql, "DROP TRIGGER %s_no_replace;\n", tables[i].name);
        trigger_ddl(tables[i].name, tables[i].key, NO_REPLACE, sql);
        strbuf_addf(sql, ";\n");
    }
}

/* Inside a transaction: bring the file from schema `version` to ours, and commit. */
static int schema_write(sqlite3 *db, int version)
{
    struct strbuf sql = {0};
    int rc;

    if (version == 0)
        schema_ddl(&sql);
    else
        upgrade_ddl(&sql);
    strbuf_addf(&sql, "PRAGMA user_version = %d;\nCOMMIT;\n", SCHEMA_VERSION);
    rc = sqlite3_exec(db, strbuf_str(&sql), NULL, NULL, NULL);
    strbuf_deinit(&sql);
    return rc;
}

int ledger__schema_create(sqlite3 *db)
{
    int version = schema_version(db), rc = 0;

    if (version == SCHEMA_VERSION)
        return 0;
    if (version < 0)
        return err_set(ERR_FORMAT, "ledger: %s", sqlite3_errmsg(db));
    if (version > SCHEMA_VERSION)
        return err_set(ERR_UNSUPPORTED,
                       "ledger: written by a newer program (schema %d, this one knows %d): use "
                       "that one, or move the file away; it is rebuilt from ratchet-log",
                       version, SCHEMA_VERSION);
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
        ((version = schema_version(db)) < SCHEMA_VERSION && /* somebody may have been faster */
         schema_write(db, version) != SQLITE_OK))
        rc = err_set(ERR_IO,
                     "ledger: making its tables: %s; once the file is moved away, it is rebuilt "
                     "from ratchet-log",
                     sqlite3_errmsg(db));
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}
