/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/schema.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { SCHEMA_VERSION = 1 };

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

/* Tables beside experiments, and the key that may not come twice. */
static const struct {
    const char *name, *key, *ddl;
} tables[] = {
    {"experiments", "experiment = NEW.experiment", NULL},
    {"cases", "experiment = NEW.experiment AND position = NEW.position",
     "experiment INTEGER NOT NULL REFERENCES experiments, position INTEGER NOT NULL,"
     " name TEXT NOT NULL, op TEXT NOT NULL, regime TEXT NOT NULL, estimate REAL, low REAL, high "
     "REAL,"
     " candidate_ns REAL, incumbent_ns REAL, floor_ns REAL, utilisation REAL,"
     " PRIMARY KEY (experiment, position)"},
    /* The detail record of an experiment, byte for byte; json_each reads single units from it. */
    {"samples", "experiment = NEW.experiment",
     "experiment INTEGER PRIMARY KEY REFERENCES experiments, json TEXT NOT NULL"},
    {"machines", "fingerprint = NEW.fingerprint",
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
enum { N_TRIGGERS = 3 }; /* of each table */

/* Append the statement that makes trigger k of a table, as SQLite keeps it: without semicolon. */
static void trigger_ddl(const char *table, const char *key, int k, struct strbuf *sql)
{
    static const char *const events[] = {"UPDATE", "DELETE"};

    if (k < 2)
        strbuf_addf(sql, "CREATE TRIGGER %s_no_%s BEFORE %s ON %s", table, events[k], events[k],
                    table);
    else
        strbuf_addf(sql,
                    "CREATE TRIGGER %s_no_replace BEFORE INSERT ON %s"
                    " WHEN EXISTS (SELECT 1 FROM %s WHERE %s)",
                    table, table, table, key);
    strbuf_addf(sql, " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END");
}

int ledger__schema_guarded(struct ledger *l)
{
    struct strbuf ddl = {0};
    sqlite3_stmt *s = NULL;
    int guarded = 1;

    TRY(ledger__prepare(l, "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND sql = ?", &s));
    for (size_t i = 0; guarded && i < sizeof tables / sizeof *tables * N_TRIGGERS; i++) {
        strbuf_clear(&ddl);
        trigger_ddl(tables[i / N_TRIGGERS].name, tables[i / N_TRIGGERS].key, (int)(i % N_TRIGGERS),
                    &ddl);
        sqlite3_bind_text(s, 1, ddl.data, -1, SQLITE_TRANSIENT);
        guarded = sqlite3_step(s) == SQLITE_ROW;
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    strbuf_deinit(&ddl);
    return guarded;
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
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (tables[i].ddl)
            strbuf_addf(sql, "CREATE TABLE %s (%s) STRICT;\n", tables[i].name, tables[i].ddl);
        for (int k = 0; k < N_TRIGGERS; k++) {
            trigger_ddl(tables[i].name, tables[i].key, k, sql);
            strbuf_addf(sql, ";\n");
        }
    }
    strbuf_addf(sql, "PRAGMA user_version = %d;\nCOMMIT;\n", SCHEMA_VERSION);
}

int ledger__schema_create(sqlite3 *db)
{
    struct strbuf sql = {0};
    int version = schema_version(db), rc = 0;

    if (version == SCHEMA_VERSION)
        return 0;
    if (version < 0)
        return err_set(ERR_FORMAT, "ledger: %s", sqlite3_errmsg(db));
    if (version > SCHEMA_VERSION)
        return err_set(ERR_UNSUPPORTED,
                       "ledger: written by a newer program (schema %d, this one knows %d)", version,
                       SCHEMA_VERSION);
    schema_ddl(&sql);
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
        (schema_version(db) != SCHEMA_VERSION && /* another process may have been faster */
         sqlite3_exec(db, strbuf_str(&sql), NULL, NULL, NULL) != SQLITE_OK))
        rc = err_set(ERR_IO, "ledger: creating tables: %s", sqlite3_errmsg(db));
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    strbuf_deinit(&sql);
    return rc;
}
