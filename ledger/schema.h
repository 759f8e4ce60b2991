/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h: tables and columns, shared by the files of ledger/ only. The list of columns is data:
 * it makes the DDL, the TSV and the bindings, so that they cannot disagree. */
#ifndef PAWL_LEDGER_SCHEMA_H
#define PAWL_LEDGER_SCHEMA_H

#include "ledger/ledger.h"

#include <sqlite3.h>

enum ledger__kind { LEDGER__INT, LEDGER__REAL, LEDGER__TEXT };

struct ledger__column {
    const char *name;
    enum ledger__kind kind;
    size_t offset; /* of the field in struct ledger_row */
};

enum { LEDGER__N_COLUMNS = 31 };
extern const struct ledger__column ledger__columns[LEDGER__N_COLUMNS];

/* Fields of a row by column. */
int64_t ledger__int(const struct ledger_row *row, size_t column);
double ledger__real(const struct ledger_row *row, size_t column);
const char *ledger__text(const struct ledger_row *row, size_t column);

/* The value as the TSV keeps it: six significant digits; what is not finite becomes NAN. */
double ledger__canonical(double x);

struct ledger {
    sqlite3 *db;
};

/* Create what is missing, or bring an older file up to date, in one transaction. */
int ledger__schema_create(sqlite3 *db);

/* 1 when every trigger that keeps the tables append-only is there as it was made, and no other
 * trigger and no view besides; 0 when not. */
int ledger__schema_guarded(struct ledger *l);

/* sqlite3_step: 1 = a result row, 0 = no more, negative = it failed while `doing` that. */
int ledger__step(struct ledger *l, sqlite3_stmt *s, const char *doing);

/* Append the text of the first result row to *out and finalize `s`: 1, or 0 when there is no row. */
int ledger__read_text(struct ledger *l, sqlite3_stmt *s, const char *doing, struct strbuf *out);

/* Is the text in result column `at` exactly `want`? False for a value of another kind. */
bool ledger__column_is(sqlite3_stmt *s, int at, const char *want);

/* err_set with SQLite's message; returns ERR_IO. */
int ledger__fail(struct ledger *l, const char *doing);
int ledger__exec(struct ledger *l, const char *sql);
int ledger__prepare(struct ledger *l, const char *sql, sqlite3_stmt **out);

/* The one text form of a detail record's "calibration", by which table controls knows it; the caller
 * frees. NULL when the record has none. */
char *ledger__control_text(const json_t *calibration);

/* Insert row and detail record (NULL = none known) as they are, inside the caller's transaction. */
int ledger__insert(struct ledger *l, const struct ledger_row *row, const char *details);

/* Number and hash of the last row: 0 and ledger_genesis when empty. */
int ledger__last(struct ledger *l, int64_t *n, char hash[SHA256_HEX]);

#endif
