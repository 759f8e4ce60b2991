/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/schema.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ledger_row_hash(const struct ledger_row *row, char hex[SHA256_HEX])
{
    struct strbuf text = {0};

    strbuf_addf(&text, "%s", row->previous);
    ledger_tsv_line(row, false, &text);
    sha256_hex(text.data, text.len, hex);
    strbuf_deinit(&text);
}

static int fault_set(struct ledger_fault *f, int64_t n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int fault_set(struct ledger_fault *f, int64_t n, const char *fmt, ...)
{
    va_list ap;

    f->experiment = n;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    return 1;
}

struct verifier {
    struct ledger *l;
    struct ledger_proof *proof;
    struct ledger_fault *fault;
    int64_t next;
    int64_t n_controls; /* calibrations seen so far */
    char previous[SHA256_HEX];
    char *judge; /* of the row before, NULL at the first */
};

/* Table cases must hold what the detail record says, in its order and nothing more. */
static int verify_cases(struct verifier *v, int64_t n, const json_t *cases)
{
    static const char *const columns[] = {"name",     "op",         "regime",       "estimate",
                                          "low",      "high",       "candidate_ns", "incumbent_ns",
                                          "floor_ns", "utilisation"};
    sqlite3_stmt *s = NULL;
    size_t i = 0;
    bool same = true;
    int rc;

    TRY(ledger__prepare(
        v->l,
        "SELECT name, op, regime, estimate, low, high, candidate_ns, incumbent_ns,"
        " floor_ns, utilisation, position FROM cases WHERE experiment = ? ORDER BY position",
        &s));
    sqlite3_bind_int64(s, 1, n);
    for (; (rc = ledger__step(v->l, s, "reading cases")) == 1; i++) {
        const json_t *c = json_array_get(cases, i);

        same = same && sqlite3_column_int64(s, 10) == (int64_t)i;
        for (int k = 0; k < 10; k++) {
            const json_t *want = json_object_get(c, columns[k]);
            const char *text = json_string_value(want);

            if (k < 3) {
                same = same && ledger__column_is(s, k, text ? text : "");
            } else if (json_is_number(want)) {
                same = same && sqlite3_column_type(s, k) == SQLITE_FLOAT &&
                       sqlite3_column_double(s, k) == json_number_value(want);
            } else {
                same = same && sqlite3_column_type(s, k) == SQLITE_NULL;
            }
        }
    }
    sqlite3_finalize(s);
    TRY(rc);
    if (!same || i != json_array_size(cases))
        return fault_set(v->fault, n, "its cases differ from its detail record");
    return 0;
}

/* Table controls holds the calibration that a detail record carries, once, at the row it came with.
 */
static int verify_control(struct verifier *v, int64_t n, const json_t *calibration)
{
    const char *verdict = json_string_value(json_object_get(calibration, "verdict"));
    const json_t *mde = json_object_get(calibration, "mde");
    char *text = ledger__control_text(calibration);
    sqlite3_stmt *s = NULL;
    int64_t first = 0;
    bool same = false;
    int rc;

    if (!text)
        return 0;
    rc = ledger__prepare(
        v->l, "SELECT experiment, kind, verdict, estimate FROM controls WHERE json = ?", &s);
    if (rc == 0) {
        sqlite3_bind_text(s, 1, text, -1, SQLITE_TRANSIENT);
        rc = ledger__step(v->l, s, "reading controls");
        if (rc == 1) {
            first = sqlite3_column_int64(s, 0);
            same = first <= n && ledger__column_is(s, 1, "calibration") &&
                   ledger__column_is(s, 2, verdict ? verdict : "") &&
                   (json_is_number(mde) ? sqlite3_column_double(s, 3) == json_number_value(mde)
                                        : sqlite3_column_type(s, 3) == SQLITE_NULL);
        }
        v->n_controls += first == n;
        sqlite3_finalize(s);
        if (rc >= 0)
            rc = same ? 0 : fault_set(v->fault, n, "table controls differs from its detail record");
    }
    free(text);
    return rc;
}

static int verify_details(struct verifier *v, const struct ledger_row *row)
{
    struct strbuf text = {0};
    char hex[SHA256_HEX];
    json_t *json;
    int rc = ledger_details(v->l, row->experiment, &text);

    if (rc == 0) {
        v->proof->n_without_details++;
        rc = verify_cases(v, row->experiment, NULL);
        goto out;
    }
    if (rc < 0)
        goto out;
    sha256_hex(text.data, text.len, hex);
    if (strcmp(hex, row->details) != 0) {
        rc = fault_set(v->fault, row->experiment, "its detail record does not match its digest");
        goto out;
    }
    json = json_loads(text.data, 0, NULL);
    rc = verify_cases(v, row->experiment, json_object_get(json, "cases"));
    if (rc == 0)
        rc = verify_control(v, row->experiment, json_object_get(json, "calibration"));
    json_decref(json);
out:
    strbuf_deinit(&text);
    return rc;
}

/* The judge hash changes at a SEAL and nowhere else, and table seals says the same. */
static int verify_seal(struct verifier *v, const struct ledger_row *row)
{
    bool seal = strcmp(row->verdict, LEDGER_SEAL) == 0, same;
    const char *old = v->judge ? v->judge : "";
    sqlite3_stmt *s = NULL;
    int rc;

    if (!seal && v->judge && strcmp(v->judge, row->judge) != 0)
        return fault_set(v->fault, row->experiment, "the judge hash changes without a SEAL row");
    TRY(ledger__prepare(v->l, "SELECT old_hash, new_hash, head FROM seals WHERE experiment = ?",
                        &s));
    sqlite3_bind_int64(s, 1, row->experiment);
    rc = ledger__step(v->l, s, "reading seals");
    if (rc == 1)
        same = seal && ledger__column_is(s, 0, old) && ledger__column_is(s, 1, row->judge) &&
               ledger__column_is(s, 2, row->attempt);
    else
        same = !seal;
    sqlite3_finalize(s);
    TRY(rc);
    if (!same)
        return fault_set(v->fault, row->experiment, "table seals differs from the row");
    ledger_text_set(&v->judge, row->judge);
    return 0;
}

static int verify_row(void *ctx, const struct ledger_row *row)
{
    struct verifier *v = ctx;
    char hex[SHA256_HEX];

    if (row->experiment != v->next)
        return fault_set(v->fault, v->next, "the row is missing (the next is %lld)",
                         (long long)row->experiment);
    if (strcmp(row->previous, v->previous) != 0)
        return fault_set(v->fault, row->experiment, "it does not name the hash of the row before");
    ledger_row_hash(row, hex);
    if (strcmp(row->hash, hex) != 0)
        return fault_set(v->fault, row->experiment, "its content does not match its hash");
    v->next++;
    v->proof->n_rows++;
    memcpy(v->previous, hex, SHA256_HEX);
    TRY(verify_details(v, row));
    return v->fault->text[0] ? 1 : verify_seal(v, row);
}

/* No control but those that a detail record came with, as far as rows were looked at: a writer may
 * be at work. */
static int verify_controls(struct verifier *v)
{
    sqlite3_stmt *s = NULL;
    int64_t n = 0;
    int rc;

    TRY(ledger__prepare(v->l, "SELECT count(*) FROM controls WHERE experiment < ?", &s));
    sqlite3_bind_int64(s, 1, v->next);
    rc = ledger__step(v->l, s, "counting controls");
    if (rc == 1)
        n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    TRY(rc);
    return n == v->n_controls
               ? 0
               : fault_set(v->fault, 0, "table controls holds what no detail record carries");
}

/* A fault at the first experiment that `sql` selects. */
static int verify_none(struct ledger *l, const char *sql, const char *what,
                       struct ledger_fault *fault)
{
    sqlite3_stmt *s = NULL;
    int rc;

    TRY(ledger__prepare(l, sql, &s));
    rc = ledger__step(l, s, "reading the side tables");
    if (rc == 1)
        rc = fault_set(fault, sqlite3_column_int64(s, 0), "%s", what);
    sqlite3_finalize(s);
    return rc;
}

/* The tables beside experiments: no record of a row that does not exist, each machine at the row
 * that saw it first, and the triggers that keep them all append-only. */
static int verify_side_tables(struct ledger *l, struct ledger_fault *fault)
{
    static const char strays[] =
        "SELECT experiment FROM (SELECT experiment FROM cases UNION"
        " SELECT experiment FROM samples UNION SELECT experiment FROM seals UNION"
        " SELECT experiment FROM controls)"
        " WHERE experiment NOT IN (SELECT experiment FROM experiments)";
    static const char machines[] =
        "SELECT coalesce(first, experiment) FROM (SELECT experiment, (SELECT min(experiment)"
        " FROM experiments WHERE machine = m.fingerprint) AS first FROM machines AS m)"
        " WHERE experiment IS NOT first UNION ALL SELECT experiment FROM experiments"
        " WHERE machine <> '' AND machine NOT IN (SELECT fingerprint FROM machines)";
    int rc = verify_none(l, strays, "records of a row that does not exist", fault);

    if (rc == 0)
        rc = verify_none(l, machines, "table machines differs from the rows", fault);
    if (rc)
        return rc;
    rc = ledger__schema_guarded(l);
    if (rc == 0)
        return fault_set(fault, 0,
                         "a trigger that keeps a table append-only is gone or changed, or there is "
                         "a trigger or view besides those");
    return rc < 0 ? rc : 0;
}

int ledger_verify(struct ledger *l, struct ledger_proof *proof, struct ledger_fault *fault)
{
    struct verifier v = {.l = l, .proof = proof, .fault = fault, .next = 1};
    int rc;

    memset(proof, 0, sizeof *proof);
    memset(fault, 0, sizeof *fault);
    memcpy(v.previous, ledger_genesis, SHA256_HEX);
    rc = ledger_each(l, INT64_MIN, 0, verify_row, &v);
    free(v.judge);
    if (rc == ERR_INTEGRITY)
        rc = fault_set(fault, v.next, "%s", err_message());
    if (rc == 0)
        rc = verify_controls(&v);
    return rc ? rc : verify_side_tables(l, fault);
}

struct tsv_check {
    const char *p, *end;
    int64_t n;
    struct ledger_fault *fault;
};

static int verify_tsv_row(void *ctx, const struct ledger_row *row)
{
    struct tsv_check *c = ctx;
    struct strbuf line = {0};
    int rc = 0;

    if (c->p == c->end)
        return 2; /* the file ends here: a prefix */
    ledger_tsv_line(row, true, &line);
    strbuf_add(&line, "\n", 1);
    if ((size_t)(c->end - c->p) < line.len || memcmp(c->p, line.data, line.len) != 0)
        rc =
            fault_set(c->fault, row->experiment, "its line in results.tsv differs from the ledger");
    c->p += line.len;
    c->n = row->experiment;
    strbuf_deinit(&line);
    return rc;
}

int ledger_verify_tsv(struct ledger *l, const char *tsv, size_t len, int64_t *n_rows,
                      struct ledger_fault *fault)
{
    struct tsv_check c = {.end = tsv + len, .fault = fault};
    struct strbuf header = {0};
    bool same;
    int rc;

    *n_rows = 0;
    memset(fault, 0, sizeof *fault);
    ledger_tsv_header(&header);
    same = len >= header.len && memcmp(tsv, header.data, header.len) == 0;
    c.p = tsv + header.len;
    strbuf_deinit(&header);
    if (!same)
        return fault_set(fault, 0, "the header line of results.tsv is not the ledger's");
    rc = ledger_each(l, 1, 0, verify_tsv_row, &c);
    *n_rows = c.n;
    if (rc == 2)
        return 0;
    if (rc == 0 && c.p != c.end)
        return fault_set(fault, c.n + 1, "results.tsv has a line that the ledger does not have");
    return rc;
}
