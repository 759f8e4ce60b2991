/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/export.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int export_format_parse(const char *word, enum export_format *out)
{
    static const char *const names[] = {"tsv", "csv", "jsonl"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(word, names[i]) == 0) {
            *out = (enum export_format)i;
            return 0;
        }
    return err_set(ERR_USAGE, "format '%.40s': there are tsv, csv and jsonl", word);
}

/* --- fields --- */

static void add_real(double x, struct strbuf *out)
{
    static const int digits[] = {6, 15, 17};
    char text[40] = "";

    for (size_t i = 0; i < 3 && (i == 0 || strtod(text, NULL) != x); i++)
        snprintf(text, sizeof text, "%.*g", digits[i], x);
    strbuf_addf(out, "%s", text);
}

static void add_csv_text(const char *text, struct strbuf *out)
{
    bool formula = text[0] && strchr("=+-@\t\r", text[0]);

    if (!formula && !strpbrk(text, "\",\r\n")) {
        strbuf_addf(out, "%s", text);
        return;
    }
    strbuf_addf(out, formula ? "\"'" : "\"");
    for (const char *p = text; *p; p++)
        strbuf_add(out, *p == '"' ? "\"\"" : p, *p == '"' ? 2 : 1);
    strbuf_addf(out, "\"");
}

static void add_field(const json_t *value, enum export_format format, struct strbuf *out)
{
    if (json_is_integer(value))
        strbuf_addf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        add_real(json_real_value(value), out);
    else if (json_is_string(value) && format == EXPORT_CSV)
        add_csv_text(json_string_value(value), out);
    else if (json_is_string(value))
        ledger_tsv_text(json_string_value(value), out);
}

/* --- records --- */

struct exporter {
    struct ledger *l;
    const struct filter *f;
    enum export_format format;
    FILE *to;
    const struct ledger_row *row; /* whose cases are written */
};

/* One line: the members of `record`, or with `names` their names. */
static int line_write(struct exporter *e, json_t *record, bool names)
{
    struct strbuf line = {0};
    const char *key;
    json_t *value;

    if (e->format == EXPORT_JSONL) {
        char *text = json_dumps(record, JSON_COMPACT);

        strbuf_addf(&line, "%s\n", text ? text : "");
        free(text);
    } else {
        json_object_foreach(record, key, value)
        {
            if (line.len)
                strbuf_addf(&line, e->format == EXPORT_CSV ? "," : "\t");
            if (names)
                strbuf_addf(&line, "%s", key);
            else
                add_field(value, e->format, &line);
        }
        strbuf_addf(&line, e->format == EXPORT_CSV ? "\r\n" : "\n");
    }
    fwrite(line.data, 1, line.len, e->to);
    strbuf_deinit(&line);
    return ferror(e->to) ? err_set(ERR_IO, "writing the export: %s", strerror(errno)) : 0;
}

static int row_write(void *ctx, const struct ledger_row *row)
{
    json_t *record = ledger_row_json(row);
    int rc = line_write(ctx, record, false);

    json_decref(record);
    return rc;
}

static json_t *real_json(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *case_record(const struct ledger_row *row, const struct ledger_case *c)
{
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "experiment", (json_int_t)row->experiment, "time", row->time, "verdict",
                     row->verdict, "focus", row->focus, "case", c->name, "op", c->op, "regime",
                     c->regime, "estimate", real_json(c->estimate), "low", real_json(c->low),
                     "high", real_json(c->high), "candidate_ns", real_json(c->candidate_ns),
                     "incumbent_ns", real_json(c->incumbent_ns), "floor_ns", real_json(c->floor_ns),
                     "utilisation", real_json(c->utilisation));
}

static int case_write(void *ctx, const struct ledger_case *c)
{
    struct exporter *e = ctx;
    json_t *record;
    int rc;

    if ((e->f->op && strcmp(e->f->op, c->op) != 0) ||
        (e->f->case_name && strcmp(e->f->case_name, c->name) != 0))
        return 0;
    record = case_record(e->row, c);
    rc = line_write(e, record, false);
    json_decref(record);
    return rc;
}

static int cases_write(void *ctx, const struct ledger_row *row)
{
    struct exporter *e = ctx;

    e->row = row;
    return ledger_cases(e->l, row->experiment, case_write, e);
}

/* The names of the columns, from a record that says nothing. */
static int header_write(struct exporter *e, bool cases)
{
    const struct ledger_case none = {.name = "", .op = "", .regime = ""};
    struct ledger_row row;
    json_t *record;
    int rc;

    if (e->format == EXPORT_JSONL)
        return 0;
    ledger_row_init(&row);
    record = cases ? case_record(&row, &none) : ledger_row_json(&row);
    rc = line_write(e, record, true);
    json_decref(record);
    ledger_row_deinit(&row);
    return rc;
}

int export_write(struct ledger *l, const struct filter *f, enum export_format format, bool cases,
                 FILE *to)
{
    struct exporter e = {.l = l, .f = f, .format = format, .to = to};

    TRY(header_write(&e, cases));
    TRY(filter_each(l, f, cases ? cases_write : row_write, &e));
    return fflush(to) ? err_set(ERR_IO, "writing the export: %s", strerror(errno)) : 0;
}
