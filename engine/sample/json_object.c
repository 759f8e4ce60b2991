/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/json_schema_internal.h"

#include "engine/tokenizer/utf8.h"
#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

/* The inside of a key that is none of names[0..n), sorted, which share their first `depth` bytes:
 * it leaves their way somewhere, or stops short of them. */
static int other_key(struct schema_writer *w, const char *const *names, size_t n, size_t depth,
                     unsigned *rule)
{
    struct strbuf body = {0}, leave = {0};
    size_t i = 0;
    int rc = schema__rule_new(w, rule);

    if (n && names[0][depth])
        strbuf_addf(&body, "\"\" | ");
    while (i < n && !names[i][depth])
        i++;
    while (rc == 0 && i < n) {
        size_t bytes = utf8_char_bytes(names[i] + depth, strlen(names[i] + depth)), first = i;
        char step[5] = "";
        unsigned next;

        memcpy(step, names[i] + depth, bytes);
        while (i < n && !strncmp(names[i] + depth, step, bytes))
            i++;
        rc = other_key(w, names + first, i - first, depth + bytes, &next);
        gbnf_literal(&body, step, bytes);
        strbuf_addf(&body, " r%u | ", next);
        strbuf_addf(&leave, "%s%s", bytes == 1 && strchr("]^-[\"\\", *step) ? "\\" : "", step);
    }
    strbuf_addf(&body, "[^\"\\\\\\x00-\\x1F\\x7F%s] char*", strbuf_str(&leave));
    strbuf_deinit(&leave);
    if (rc == 0)
        schema__rule_write(w, *rule, &body);
    strbuf_deinit(&body);
    return rc;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A member that the schema does not name. */
static int other_member(struct schema_writer *w, json_t *properties, json_t *schema, unsigned *rule)
{
    size_t n = json_object_size(properties), i = 0;
    const char **names = calloc(n + 1, sizeof *names), *key;
    struct strbuf body = {0};
    unsigned inside = 0, value = 0;
    json_t *unused;
    int rc = names ? 0 : err_set(ERR_NOMEM, "no memory for a schema");

    if (rc == 0 && n) {
        json_object_foreach(properties, key, unused) names[i++] = key;
        qsort(names, n, sizeof *names, by_text);
        rc = other_key(w, names, n, 0, &inside);
    }
    free(names);
    TRY(rc);
    TRY(schema__part(w, "additionalProperties",
                     json_is_true(schema) ? json_object_get(w->references, "any") : schema,
                     &value));
    TRY(schema__rule_new(w, rule));
    if (n)
        strbuf_addf(&body, "\"\\\"\" r%u \"\\\"\" ws \":\" ws r%u", inside, value);
    else
        strbuf_addf(&body, "string ws \":\" ws r%u", value);
    schema__rule_write(w, *rule, &body);
    return 0;
}

static bool is_required(json_t *schema, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(schema, "required"), i, item)
    {
        if (json_is_string(item) && !strcmp(json_string_value(item), name))
            return true;
    }
    return false;
}

static int member_rule(struct schema_writer *w, const char *name, json_t *schema, unsigned *rule)
{
    json_t *text = json_string(name);
    char *key = text ? json_dumps(text, JSON_ENCODE_ANY) : NULL;
    struct strbuf body = {0};
    unsigned value;
    int rc =
        key ? schema__part(w, name, schema, &value) : err_set(ERR_NOMEM, "no memory for a schema");

    if (rc == 0)
        rc = schema__rule_new(w, rule);
    if (rc == 0) {
        gbnf_literal(&body, key, strlen(key));
        strbuf_addf(&body, " ws \":\" ws r%u", value);
        schema__rule_write(w, *rule, &body);
    }
    free(key);
    json_decref(text);
    return rc;
}

/* What follows when all named members are dealt with: any number of others. */
static int members_end(struct schema_writer *w, json_t *schema, unsigned tails[2])
{
    json_t *others = json_object_get(schema, "additionalProperties");
    struct strbuf body = {0};
    unsigned other = 0;

    if (others && !json_is_false(others))
        TRY(other_member(w, json_object_get(schema, "properties"), others, &other));
    for (int begun = 0; begun < 2; begun++) {
        TRY(schema__rule_new(w, &tails[begun]));
        if (other && !begun)
            strbuf_addf(&body, "(r%u (ws \",\" ws r%u)*)?", other, other);
        else if (other)
            strbuf_addf(&body, "(ws \",\" ws r%u)*", other);
        else
            strbuf_addf(&body, "\"\"");
        schema__rule_write(w, tails[begun], &body);
    }
    return 0;
}

/* Before the rules in tails, one more member; tails[1] when a member stands before it (so that it
 * needs a comma), tails[0] when none does. */
static int members_add(struct schema_writer *w, unsigned member, bool required, unsigned tails[2])
{
    struct strbuf body = {0};
    unsigned longer[2];

    for (int begun = 0; begun < 2; begun++) {
        TRY(schema__rule_new(w, &longer[begun]));
        strbuf_addf(&body, "%sr%u r%u", begun ? "ws \",\" ws " : "", member, tails[1]);
        if (!required)
            strbuf_addf(&body, " | r%u", tails[begun]);
        schema__rule_write(w, longer[begun], &body);
    }
    memcpy(tails, longer, sizeof longer);
    return 0;
}

static int members_write(struct schema_writer *w, json_t *schema, unsigned *rule)
{
    json_t *properties = json_object_get(schema, "properties"), *value;
    size_t n = json_object_size(properties), i = 0;
    const char **names = calloc(n + 1, sizeof *names), *key;
    unsigned tails[2], member;
    int rc = names ? members_end(w, schema, tails) : err_set(ERR_NOMEM, "no memory for a schema");

    if (names)
        json_object_foreach(properties, key, value) names[i++] = key;
    while (rc == 0 && n-- > 0) {
        rc = member_rule(w, names[n], json_object_get(properties, names[n]), &member);
        if (rc == 0)
            rc = members_add(w, member, is_required(schema, names[n]), tails);
    }
    free(names);
    *rule = tails[0];
    return rc;
}

int schema__object_write(struct schema_writer *w, json_t *schema, struct strbuf *out)
{
    json_t *properties = json_object_get(schema, "properties");
    json_t *required = json_object_get(schema, "required"), *name;
    unsigned rule;
    size_t i;

    if ((properties && !json_is_object(properties)) || (required && !json_is_array(required)))
        return schema__fail(w, ERR_FORMAT, "\"properties\" is no object, or \"required\" no array");
    json_array_foreach(required, i, name)
    {
        if (!json_is_string(name) || !json_object_get(properties, json_string_value(name)))
            return schema__fail(w, ERR_UNSUPPORTED,
                                "\"required\" names what is not in \"properties\"");
    }
    if (!properties && !json_object_get(schema, "additionalProperties")) {
        strbuf_addf(out, "object");
        return 0;
    }
    TRY(members_write(w, schema, &rule));
    strbuf_addf(out, "\"{\" ws r%u ws \"}\"", rule);
    return 0;
}
