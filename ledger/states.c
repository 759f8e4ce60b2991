/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/schema.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdio.h>

int ledger_state_add(struct ledger *l, const struct ledger_state *s)
{
    sqlite3_stmt *stmt = NULL;
    int rc;

    TRY(ledger__prepare(l,
                        "INSERT INTO states (attempt, name, time, data)"
                        " VALUES (?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?)",
                        &stmt));
    sqlite3_bind_int64(stmt, 1, s->attempt);
    sqlite3_bind_text(stmt, 2, s->name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(stmt, 3, s->data ? s->data : "", -1, SQLITE_TRANSIENT);
    rc = ledger__step(l, stmt, "recording a state");
    sqlite3_finalize(stmt);
    return rc;
}

int ledger_state_find(struct ledger *l, int64_t attempt, const char *name, struct strbuf *data)
{
    sqlite3_stmt *s = NULL;

    TRY(ledger__prepare(
        l, "SELECT data FROM states WHERE attempt = ? AND name = ? ORDER BY id DESC LIMIT 1", &s));
    sqlite3_bind_int64(s, 1, attempt);
    sqlite3_bind_text(s, 2, name, -1, SQLITE_TRANSIENT);
    return ledger__read_text(l, s, "reading a state", data);
}

int ledger_state_pending(struct ledger *l, int64_t *attempt, char name[32])
{
    sqlite3_stmt *s = NULL;
    int rc;

    TRY(ledger__prepare(l,
                        "SELECT attempt, name FROM (SELECT attempt, name, max(id) AS id FROM "
                        "states GROUP BY attempt)"
                        " WHERE name <> 'done' ORDER BY id LIMIT 1",
                        &s));
    rc = ledger__step(l, s, "reading states");
    if (rc == 1) {
        *attempt = sqlite3_column_int64(s, 0);
        snprintf(name, 32, "%s", (const char *)sqlite3_column_text(s, 1));
    }
    sqlite3_finalize(s);
    return rc;
}
