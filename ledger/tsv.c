/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/schema.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void ledger_tsv_header(struct strbuf *out)
{
    for (size_t i = 0; i < LEDGER__N_COLUMNS; i++)
        strbuf_addf(out, "%s%s", i ? "\t" : "", ledger__columns[i].name);
    strbuf_add(out, "\n", 1);
}

/* Backslash, tab, newline and the other control bytes must not end a field or a line. */
void ledger_tsv_text(const char *text, struct strbuf *out)
{
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (c == '\\')
            strbuf_add(out, "\\\\", 2);
        else if (c == '\t')
            strbuf_add(out, "\\t", 2);
        else if (c == '\n')
            strbuf_add(out, "\\n", 2);
        else if (c < 0x20 || c == 0x7f)
            strbuf_addf(out, "\\x%02x", c);
        else
            strbuf_add(out, p, 1);
    }
}

void ledger_tsv_line(const struct ledger_row *row, bool with_hash, struct strbuf *out)
{
    size_t n = with_hash ? LEDGER__N_COLUMNS : LEDGER__N_COLUMNS - 1;

    for (size_t i = 0; i < n; i++) {
        if (i)
            strbuf_add(out, "\t", 1);
        switch (ledger__columns[i].kind) {
        case LEDGER__INT:
            strbuf_addf(out, "%lld", (long long)ledger__int(row, i));
            break;
        case LEDGER__REAL:
            if (isfinite(ledger__real(row, i)))
                strbuf_addf(out, "%.6g", ledger__real(row, i));
            break;
        case LEDGER__TEXT:
            ledger_tsv_text(ledger__text(row, i), out);
            break;
        }
    }
}

json_t *ledger_row_json(const struct ledger_row *row)
{
    json_t *o = json_object(), *value = NULL;

    for (size_t i = 0; i < LEDGER__N_COLUMNS; i++) {
        switch (ledger__columns[i].kind) {
        case LEDGER__INT:
            value = json_integer(ledger__int(row, i));
            break;
        case LEDGER__REAL:
            value = isfinite(ledger__real(row, i)) ? json_real(ledger__real(row, i)) : json_null();
            break;
        case LEDGER__TEXT:
            value = json_string(ledger__text(row, i));
            break;
        }
        json_object_set_new(o, ledger__columns[i].name, value ? value : json_null());
    }
    return o;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Unescape in place; false when an escape is none that ledger_tsv_text makes. */
static bool unescape(char *text)
{
    char *to = text;

    for (const char *p = text; *p; p++) {
        if (*p != '\\') {
            *to++ = *p;
            continue;
        }
        p++;
        if (*p == '\\' || *p == 't' || *p == 'n') {
            *to++ = *p == 't' ? '\t' : *p == 'n' ? '\n' : '\\';
        } else if (*p == 'x' && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
            *to = (char)(hex_digit(p[1]) * 16 + hex_digit(p[2]));
            if (!*to++)
                return false;
            p += 2;
        } else {
            return false;
        }
    }
    *to = '\0';
    return true;
}

static bool parse_field(char *text, size_t i, struct ledger_row *row)
{
    char *field = (char *)row + ledger__columns[i].offset, *end = text;

    errno = 0;
    switch (ledger__columns[i].kind) {
    case LEDGER__INT:
        *(int64_t *)(void *)field = strtoll(text, &end, 10);
        return end != text && !*end && !errno;
    case LEDGER__REAL:
        if (!*text)
            return true;
        *(double *)(void *)field = strtod(text, &end);
        return end != text && !*end && isfinite(ledger__real(row, i));
    case LEDGER__TEXT:
        if (!unescape(text))
            return false;
        ledger_text_set((char **)(void *)field, text);
        return true;
    }
    return false;
}

static int parse_columns(char *line, struct ledger_row *out)
{
    char *p = line;

    for (size_t i = 0; i < LEDGER__N_COLUMNS; i++) {
        char *end = strchr(p, '\t');

        if ((i + 1 < LEDGER__N_COLUMNS) != (end != NULL))
            return err_set(ERR_FORMAT, "results.tsv: row %lld: %s columns than the %d there are",
                           (long long)out->experiment, end ? "more" : "fewer", LEDGER__N_COLUMNS);
        if (end)
            *end = '\0';
        if (!parse_field(p, i, out))
            return err_set(ERR_FORMAT, "results.tsv: row %lld: column %s is malformed",
                           (long long)out->experiment, ledger__columns[i].name);
        if (end)
            p = end + 1;
    }
    return 0;
}

static bool is_utf8(const char *text, size_t len)
{
    json_t *string = json_stringn(text, len);
    bool valid = string != NULL;

    json_decref(string);
    return valid;
}

int ledger_tsv_parse(const char *line, size_t len, struct ledger_row *out)
{
    struct strbuf copy = {0}, again = {0};
    int rc;

    ledger_row_init(out);
    strbuf_add(&copy, line, len);
    if (memchr(line, '\0', len) || !is_utf8(line, len))
        rc = err_set(ERR_FORMAT, "results.tsv: a line holds a NUL byte, or is no UTF-8");
    else
        rc = parse_columns(copy.data, out);
    if (rc == 0) {
        ledger_tsv_line(out, true, &again);
        if (again.len != len || memcmp(again.data, line, len) != 0)
            rc = err_set(ERR_FORMAT, "results.tsv: row %lld: not in canonical form",
                         (long long)out->experiment);
    }
    strbuf_deinit(&copy);
    strbuf_deinit(&again);
    return rc;
}

static int export_row(void *ctx, const struct ledger_row *row)
{
    struct strbuf *out = ctx;

    ledger_tsv_line(row, true, out);
    strbuf_add(out, "\n", 1);
    return 0;
}

int ledger_export(struct ledger *l, int64_t last, struct strbuf *out)
{
    ledger_tsv_header(out);
    return ledger_each(l, 1, last, export_row, out);
}
