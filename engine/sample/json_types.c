/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/json_schema_internal.h"

#include "reference/base/err.h"

#include <math.h>
#include <string.h>

#define LARGEST 999999999999999999LL /* 18 digits */

/* A whole number >= 0 of a keyword; *out keeps its value without it. */
static int count_of(const struct schema_writer *w, json_t *schema, const char *key, int64_t *out)
{
    json_t *x = json_object_get(schema, key);

    if (!x)
        return 0;
    if (!json_is_number(x) || json_number_value(x) < 0 || json_number_value(x) > 100000 ||
        json_number_value(x) != floor(json_number_value(x)))
        return err_set(ERR_FORMAT, "schema at #%s: \"%s\" is no whole number in 0..100000",
                       strbuf_str(&w->path), key);
    *out = (int64_t)json_number_value(x);
    return 0;
}

/* {least,most} behind an item; most < 0: no bound. */
static void repeat_write(struct strbuf *out, int64_t least, int64_t most)
{
    if (most < 0)
        strbuf_addf(out, "{%lld,}", (long long)least);
    else
        strbuf_addf(out, "{%lld,%lld}", (long long)least, (long long)most);
}

/* --- strings --- */

static const char *format_rule(const char *format)
{
#define DATE                                                                                       \
    "[0-9]{4} \"-\" (\"0\" [1-9] | \"1\" [0-2]) \"-\" (\"0\" [1-9] | [12] [0-9] | \"3\" [01])"
#define CLOCK "([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9]"
#define TIME  CLOCK " \":\" [0-5] [0-9] (\".\" [0-9]{1,9})? (\"Z\" | [-+] " CLOCK ")"
    static const char *const formats[][2] = {
        {"date", DATE},
        {"time", TIME},
        {"date-time", DATE " \"T\" " TIME},
        {"uuid", "hex{8} \"-\" hex{4} \"-\" hex{4} \"-\" hex{4} \"-\" hex{12}"},
    };

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(formats[i][0], format))
            return formats[i][1];
    return NULL;
}

static int string_inside(struct schema_writer *w, json_t *schema, struct strbuf *out)
{
    json_t *pattern = json_object_get(schema, "pattern"),
           *format = json_object_get(schema, "format");
    int64_t least = 0, most = -1;
    const char *rule =
        format && json_is_string(format) ? format_rule(json_string_value(format)) : NULL;

    TRY(count_of(w, schema, "minLength", &least));
    TRY(count_of(w, schema, "maxLength", &most));
    if ((pattern != NULL) + (format != NULL) + (least > 0 || most >= 0) > 1)
        return schema__fail(w, ERR_UNSUPPORTED, "more than one of pattern, format and a length");
    if (format && !rule)
        return err_set(
            ERR_UNSUPPORTED,
            "schema at #%s: the format \"%.40s\" is not supported: there are date, time, "
            "date-time, uuid",
            strbuf_str(&w->path), json_is_string(format) ? json_string_value(format) : "?");
    if (pattern && !json_is_string(pattern))
        return schema__fail(w, ERR_FORMAT, "\"pattern\" is no string");
    if (most >= 0 && most < least)
        return schema__fail(w, ERR_FORMAT, "maxLength is less than minLength");
    if (pattern && json_pattern(out, json_string_value(pattern), json_string_length(pattern)) < 0)
        return err_wrap("schema at #%s", strbuf_str(&w->path));
    if (rule)
        strbuf_addf(out, "%s", rule);
    if (!pattern && !rule) {
        strbuf_addf(out, "char");
        repeat_write(out, least, most);
    }
    return 0;
}

int schema__string_write(struct schema_writer *w, json_t *schema, struct strbuf *out)
{
    if (!schema__speaks_of(schema, "string")) {
        strbuf_addf(out, "string");
        return 0;
    }
    strbuf_addf(out, "\"\\\"\" ");
    TRY(string_inside(w, schema, out));
    strbuf_addf(out, " \"\\\"\"");
    return 0;
}

/* --- numbers --- */

/* The bound that a keyword sets for integers; *out keeps its value without it. */
static int bound_of(const struct schema_writer *w, json_t *schema, const char *key, bool lower,
                    bool exclusive, int64_t *out)
{
    json_t *x = json_object_get(schema, key);
    double value = x ? json_number_value(x) : 0, whole = lower ? ceil(value) : floor(value);
    int64_t bound;

    if (!x)
        return 0;
    if (!json_is_number(x))
        return err_set(ERR_FORMAT, "schema at #%s: \"%s\" is no number", strbuf_str(&w->path), key);
    if (fabs(whole) > (double)LARGEST)
        return err_set(ERR_RANGE, "schema at #%s: \"%s\" has more than 18 digits",
                       strbuf_str(&w->path), key);
    bound = json_is_integer(x) ? json_integer_value(x) : (int64_t)whole;
    if (exclusive && whole == value)
        bound += lower ? 1 : -1;
    if (lower ? bound > *out : bound < *out)
        *out = bound;
    return 0;
}

int schema__integer_write(struct schema_writer *w, json_t *schema, struct strbuf *out)
{
    int64_t low = -LARGEST, high = LARGEST;

    if (!schema__speaks_of(schema, "integer")) {
        strbuf_addf(out, "integer");
        return 0;
    }
    TRY(bound_of(w, schema, "minimum", true, false, &low));
    TRY(bound_of(w, schema, "exclusiveMinimum", true, true, &low));
    TRY(bound_of(w, schema, "maximum", false, false, &high));
    TRY(bound_of(w, schema, "exclusiveMaximum", false, true, &high));
    if (low > high)
        return schema__fail(w, ERR_FORMAT, "no integer lies between minimum and maximum");
    json_integer_range(out, low, high);
    return 0;
}

int schema__number_write(struct schema_writer *w, json_t *schema, struct strbuf *out)
{
    if (schema__speaks_of(schema, "integer"))
        return schema__fail(
            w, ERR_UNSUPPORTED,
            "bounds of numbers that are no integers are not supported (minimum, maximum)");
    strbuf_addf(out, "number");
    return 0;
}

/* --- arrays --- */

static int prefix_write(struct schema_writer *w, json_t *prefix, struct strbuf *out)
{
    json_t *item;
    size_t i;

    json_array_foreach(prefix, i, item)
    {
        unsigned rule;

        TRY(schema__part(w, "prefixItems", item, &rule));
        strbuf_addf(out, i ? " ws \",\" ws r%u" : "r%u", rule);
    }
    return 0;
}

/* The items after `before` others. */
static void items_write(struct strbuf *out, unsigned rule, size_t before, int64_t least,
                        int64_t most)
{
    if (before) {
        strbuf_addf(out, " (ws \",\" ws r%u)", rule);
        repeat_write(out, least, most);
        return;
    }
    strbuf_addf(out, "(r%u (ws \",\" ws r%u)", rule, rule);
    repeat_write(out, least > 1 ? least - 1 : 0, most < 0 ? -1 : most - 1);
    strbuf_addf(out, least ? ")" : ")?");
}

static int array_inside(struct schema_writer *w, json_t *schema, struct strbuf *out)
{
    json_t *items = json_object_get(schema, "items"),
           *prefix = json_object_get(schema, "prefixItems");
    int64_t least = 0, most = -1;
    size_t before;
    unsigned rule;

    if (json_is_array(items)) { /* as it was written before 2020 */
        prefix = items;
        items = NULL;
    }
    before = json_array_size(prefix);
    TRY(count_of(w, schema, "minItems", &least));
    TRY(count_of(w, schema, "maxItems", &most));
    if (most >= 0 && (most < least || most < (int64_t)before))
        return schema__fail(w, ERR_FORMAT, "maxItems is less than what must be there");
    TRY(prefix_write(w, prefix, out));
    if (most == 0 || most == (int64_t)before || (prefix && !items) || json_is_false(items)) {
        if (least > (int64_t)before)
            return schema__fail(w, ERR_FORMAT, "minItems is more than there can be");
        return 0;
    }
    if (!items || json_is_true(items))
        items = json_object_get(w->references, "any");
    TRY(schema__part(w, "items", items, &rule));
    items_write(out, rule, before, least > (int64_t)before ? least - (int64_t)before : 0,
                most < 0 ? -1 : most - (int64_t)before);
    return 0;
}

int schema__array_write(struct schema_writer *w, json_t *schema, struct strbuf *out)
{
    if (!schema__speaks_of(schema, "array")) {
        strbuf_addf(out, "array");
        return 0;
    }
    strbuf_addf(out, "\"[\" ws ");
    TRY(array_inside(w, schema, out));
    strbuf_addf(out, " ws \"]\"");
    return 0;
}
