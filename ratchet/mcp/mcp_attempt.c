/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_attempt.h"

#include "ratchet/agent/context.h"
#include "ratchet/command/cmd.h"
#include "ratchet/lessons/taxonomy.h"
#include "ratchet/mcp/mcp_tools.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double number(const json_t *o, const char *key)
{
    const json_t *value = json_object_get(o, key);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Of a log ratio of times, to two digits as context_attempt gives it. */
static double percent(const json_t *o, const char *key)
{
    return round(1e4 * expm1(number(o, key))) / 100;
}

/* --- cases --- */

static json_t *case_json(const json_t *c)
{
    json_t *o = json_object();

    json_object_set(o, "name", json_object_get(c, "name"));
    for (const char *const *key = (const char *const[]){"op", "regime", NULL}; *key; key++)
        if (json_is_string(json_object_get(c, *key)))
            json_object_set(o, *key, json_object_get(c, *key));
    record_set_real(o, "percent", percent(c, "estimate"));
    record_set_real(o, "low", percent(c, "low"));
    record_set_real(o, "high", percent(c, "high"));
    record_set_real(o, "now_us", number(c, "candidate_ns") / 1e3);
    record_set_real(o, "before_us", number(c, "incumbent_ns") / 1e3);
    record_set_real(o, "utilisation", number(c, "utilisation"));
    return o;
}

static int slowest_first(const void *a, const void *b)
{
    double x = number(*(json_t *const *)a, "percent"), y = number(*(json_t *const *)b, "percent");

    return isnan(x) || isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

static json_t *cases_json(const json_t *details)
{
    const json_t *cases = json_object_get(details, "cases");
    size_t n = json_array_size(cases);
    json_t **sorted = calloc(n + 1, sizeof *sorted), *out = json_array();

    if (!sorted)
        abort();
    for (size_t i = 0; i < n; i++)
        sorted[i] = case_json(json_array_get(cases, i));
    qsort(sorted, n, sizeof *sorted, slowest_first);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(out, sorted[i]);
    free(sorted);
    return out;
}

/* --- where to look next --- */

static void add_look(json_t *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add_look(json_t *list, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_array_append_new(list, mcp_string(text));
}

/* The lessons that its hypothesis belongs to; and the slowest case when it is slower, whatever the
 * verdict: a gain elsewhere may hide it. */
static json_t *look_at(const struct ledger_row *row, const json_t *cases)
{
    struct taxonomy_match lessons[TAXONOMY_MOST];
    size_t n = taxonomy_classify(row->hypothesis, lessons);
    const json_t *worst = json_array_get(cases, 0);
    json_t *list = json_array();

    add_look(list, "resource pawl://taxonomy: what %s means, and what to do next", row->verdict);
    for (size_t i = 0; i < n; i++) {
        const struct taxonomy_row *t = &taxonomy[lessons[i].row];

        add_look(list, "resource pawl://taxonomy, %s: what else was tried where \"%s\" (%s)",
                 taxonomy_tiers[t->tier].name, t->symptom, t->first);
    }
    if (number(worst, "high") < 0)
        add_look(
            list,
            "case %s became slower by %.2f %% (%s): roofline and profile with focus %s show why",
            json_string_value(json_object_get(worst, "name")), -number(worst, "percent"),
            json_string_value(json_object_get(worst, "regime")),
            json_string_value(json_object_get(worst, "name")));
    if (row->parent[0])
        add_look(list, "diff with a \"%lld^\" and b \"%lld\": the change itself",
                 (long long)row->experiment, (long long)row->experiment);
    add_look(list, "resource pawl://attempt/%lld: the whole record", (long long)row->experiment);
    return list;
}

/* --- the attempt --- */

static json_t *attempt_json(struct ratchet *r, const struct ledger_row *row, const json_t *details)
{
    json_t *o = context_attempt(r, row), *cases = cases_json(details);

    record_set_text(o, "next", json_string_value(json_object_get(details, "next")));
    record_set_text(o, "author", row->author);
    record_set_text(o, "time", row->time);
    record_set_text(o, "attempt", row->attempt);
    record_set_text(o, "parent", row->parent);
    record_set_real(o, "score", row->score);
    record_set_real(o, "seconds", row->seconds);
    json_object_set_new(o, "units", json_integer(row->units));
    json_object_set_new(o, "look_at", look_at(row, cases));
    json_object_set_new(o, "cases", cases);
    return o;
}

/* As `ratchet try` prints it. */
static void attempt_text(const struct ledger_row *row, const json_t *details, struct strbuf *text)
{
    const char *next = json_string_value(json_object_get(details, "next"));
    char *printed = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&printed, &bytes);

    if (!to)
        abort();
    cmd_print_row(to, row, details);
    if (next && *next)
        fprintf(to, "  next       %s\n", next);
    fclose(to);
    strbuf_add(text, printed, bytes);
    free(printed);
}

int mcp_attempt_read(struct ratchet *r, int64_t n, json_t **out, struct strbuf *text)
{
    struct strbuf record = {0};
    struct ledger_row row;
    json_t *details = NULL;
    int rc = ledger_find(r->ledger, n, &row);

    if (rc == 0)
        return err_set(ERR_USAGE, "there is no experiment %lld; the last is %lld", (long long)n,
                       (long long)ledger_count(r->ledger));
    TRY(rc);
    rc = ledger_details(r->ledger, n, &record);
    if (rc == 1)
        details = json_loads(record.data, 0, NULL);
    if (rc >= 0) {
        *out = attempt_json(r, &row, details);
        attempt_text(&row, details, text);
    }
    json_decref(details);
    ledger_row_deinit(&row);
    strbuf_deinit(&record);
    return rc < 0 ? rc : 0;
}
