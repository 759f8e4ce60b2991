/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading single things out of detail records, without the records. */
#include "ledger/schema.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>

static double real_or_nan(sqlite3_stmt *s, int at)
{
    return sqlite3_column_type(s, at) == SQLITE_NULL ? NAN : sqlite3_column_double(s, at);
}

static void case_read(sqlite3_stmt *s, struct ledger_case *c)
{
    double *const reals[] = {&c->estimate,     &c->low,      &c->high,       &c->candidate_ns,
                             &c->incumbent_ns, &c->floor_ns, &c->utilisation};

    c->name = (const char *)sqlite3_column_text(s, 0);
    c->op = (const char *)sqlite3_column_text(s, 1);
    c->regime = (const char *)sqlite3_column_text(s, 2);
    for (int i = 0; i < 7; i++)
        *reals[i] = real_or_nan(s, 3 + i);
}

int ledger_cases(struct ledger *l, int64_t n, ledger_case_fn each, void *ctx)
{
    sqlite3_stmt *s = NULL;
    int rc;

    TRY(ledger__prepare(l,
                        "SELECT name, op, regime, estimate, low, high, candidate_ns, incumbent_ns,"
                        " floor_ns, utilisation FROM cases WHERE experiment = ? ORDER BY position",
                        &s));
    sqlite3_bind_int64(s, 1, n);
    while ((rc = ledger__step(l, s, "reading cases")) == 1) {
        struct ledger_case c;

        case_read(s, &c);
        rc = each(ctx, &c);
        if (rc)
            break;
    }
    sqlite3_finalize(s);
    return rc;
}

int ledger_knows_case(struct ledger *l, const char *name)
{
    struct strbuf text = {0};
    sqlite3_stmt *s = NULL;
    int rc;

    TRY(ledger__prepare(l,
                        "SELECT 1 FROM cases WHERE ?1 IN (name, op)"
                        " UNION SELECT 1 FROM experiments WHERE focus = ?1",
                        &s));
    sqlite3_bind_text(s, 1, name, -1, SQLITE_TRANSIENT);
    rc = ledger__read_text(l, s, "looking for a case", &text);
    strbuf_deinit(&text);
    return rc;
}

int ledger_details_text(struct ledger *l, int64_t n, const char *path, struct strbuf *out)
{
    sqlite3_stmt *s = NULL;

    TRY(ledger__prepare(l,
                        "SELECT json_extract(json, ?2) FROM samples WHERE experiment = ?1"
                        " AND json_type(json, ?2) = 'text'",
                        &s));
    sqlite3_bind_int64(s, 1, n);
    sqlite3_bind_text(s, 2, path, -1, SQLITE_TRANSIENT);
    return ledger__read_text(l, s, "reading details", out);
}
