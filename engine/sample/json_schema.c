/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/json_schema_internal.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 100, MAX_RULES = 100000 };

/* Blanks between tokens are free, but never so many that a model loses itself in them. */
static const char prelude[] =
    "ws ::= (\" \" | \"\\n\" [ \\t]{0,20})?\n"
    "hex ::= [0-9a-fA-F]\n"
    "char ::= [^\"\\\\\\x00-\\x1F\\x7F] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" ([0-9a-cA-CefEF] hex | "
    "[dD] [0-7]) hex{2})\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "integer ::= \"-\"? (\"0\" | [1-9] [0-9]{0,17})\n"
    "number ::= integer (\".\" [0-9]{1,17})? ([eE] [-+]? [0-9]{1,3})?\n"
    "boolean ::= \"true\" | \"false\"\n"
    "null ::= \"null\"\n"
    "value ::= string | number | boolean | null | array | object\n"
    "array ::= \"[\" ws (value (ws \",\" ws value)* ws)? \"]\"\n"
    "object ::= \"{\" ws (member (ws \",\" ws member)* ws)? \"}\"\n"
    "member ::= string ws \":\" ws value\n";

/* --- places and rules --- */

int schema__fail(const struct schema_writer *w, enum err code, const char *what)
{
    return err_set(code, "schema at #%s: %s", strbuf_str(&w->path), what);
}

static int fail_keyword(const struct schema_writer *w, const char *key)
{
    return err_set(ERR_UNSUPPORTED, "schema at #%s: the keyword \"%.60s\" is not supported",
                   strbuf_str(&w->path), key);
}

static int schema_rule(struct schema_writer *w, json_t *schema, unsigned *rule);

int schema__rule_new(struct schema_writer *w, unsigned *rule)
{
    if (w->n_rules == MAX_RULES)
        return schema__fail(w, ERR_RANGE, "the schema grows past 100000 rules");
    *rule = w->n_rules++;
    return 0;
}

void schema__rule_write(struct schema_writer *w, unsigned rule, struct strbuf *body)
{
    strbuf_addf(w->rules, "r%u ::= ", rule);
    strbuf_add(w->rules, strbuf_str(body), body->len);
    strbuf_addf(w->rules, "\n");
    strbuf_deinit(body);
    *body = (struct strbuf){0};
}

int schema__part(struct schema_writer *w, const char *step, json_t *schema, unsigned *rule)
{
    size_t len = w->path.len;

    strbuf_addf(&w->path, "/%.80s", step);
    TRY(schema_rule(w, schema, rule));
    w->path.len = len;
    w->path.data[len] = '\0';
    return 0;
}

void gbnf_literal(struct strbuf *out, const char *bytes, size_t len)
{
    strbuf_addf(out, "\"");
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c == '"' || c == '\\')
            strbuf_addf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            strbuf_addf(out, "\\x%02X", c);
        else
            strbuf_add(out, &bytes[i], 1);
    }
    strbuf_addf(out, "\"");
}

/* --- keywords --- */

struct keyword {
    const char *name;
    const char *type; /* that it is about; NULL: any; "": it says nothing of values */
};

static const struct keyword keywords[] = {
    {"type", NULL},
    {"enum", NULL},
    {"const", NULL},
    {"anyOf", NULL},
    {"oneOf", NULL},
    {"allOf", NULL},
    {"$ref", NULL},
    {"properties", "object"},
    {"required", "object"},
    {"additionalProperties", "object"},
    {"items", "array"},
    {"prefixItems", "array"},
    {"minItems", "array"},
    {"maxItems", "array"},
    {"minLength", "string"},
    {"maxLength", "string"},
    {"pattern", "string"},
    {"format", "string"},
    {"minimum", "integer"},
    {"maximum", "integer"},
    {"exclusiveMinimum", "integer"},
    {"exclusiveMaximum", "integer"},
    {"title", ""},
    {"description", ""},
    {"default", ""},
    {"examples", ""},
    {"$schema", ""},
    {"$id", ""},
    {"$defs", ""},
    {"definitions", ""},
    {"$comment", ""},
    {"deprecated", ""},
    {"readOnly", ""},
    {"writeOnly", ""},
};

static const struct keyword *keyword_find(const char *name)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (!strcmp(keywords[i].name, name))
            return &keywords[i];
    return NULL;
}

static int keywords_check(const struct schema_writer *w, json_t *schema)
{
    const char *key;
    json_t *value;

    json_object_foreach(schema, key, value)
    {
        if (!keyword_find(key) && !(!strcmp(key, "uniqueItems") && json_is_false(value)))
            return fail_keyword(w, key);
    }
    return 0;
}

bool schema__speaks_of(json_t *schema, const char *type)
{
    const char *key;
    json_t *value;

    json_object_foreach(schema, key, value)
    {
        const struct keyword *k = keyword_find(key);

        if (k && (type ? k->type && !strcmp(k->type, type) : !k->type || *k->type))
            return true;
    }
    return false;
}

/* --- any schema --- */

static const struct type {
    const char *name;
    int (*write)(struct schema_writer *w, json_t *schema,
                 struct strbuf *out); /* NULL: the rule of the name */
} types[] = {
    {"object", schema__object_write},
    {"array", schema__array_write},
    {"string", schema__string_write},
    {"integer", schema__integer_write},
    {"number", schema__number_write},
    {"boolean", NULL},
    {"null", NULL},
};

static const struct type *type_find(const json_t *name)
{
    for (size_t i = 0; json_is_string(name) && i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, json_string_value(name)))
            return &types[i];
    return NULL;
}

static int type_write(struct schema_writer *w, json_t *schema, const json_t *name,
                      struct strbuf *out)
{
    const struct type *t = type_find(name);

    if (!t)
        return schema__fail(w, ERR_FORMAT,
                            "\"type\" is none of object, array, string, integer, number, "
                            "boolean, null");
    if (out->len)
        strbuf_addf(out, " | ");
    if (t->write)
        return t->write(w, schema, out);
    strbuf_addf(out, "%s", t->name);
    return 0;
}

static int types_write(struct schema_writer *w, json_t *schema, struct strbuf *out)
{
    json_t *type = json_object_get(schema, "type"), *name;
    size_t i;

    if (json_is_array(type) && json_array_size(type)) {
        json_array_foreach(type, i, name) TRY(type_write(w, schema, name, out));
        return 0;
    }
    if (type)
        return type_write(w, schema, type, out);
    for (i = 0; i < sizeof types / sizeof *types; i++) {
        if (!schema__speaks_of(schema, types[i].name))
            continue;
        strbuf_addf(out, out->len ? " | " : "");
        TRY(types[i].write(w, schema, out));
    }
    return 0;
}

static bool has_type(json_t *type, const json_t *value)
{
    const char *name = json_string_value(type);
    json_t *item;
    size_t i;

    if (json_is_array(type)) {
        json_array_foreach(type, i, item) if (has_type(item, value)) return true;
        return false;
    }
    if (!name)
        return true;
    return (json_is_object(value) && !strcmp(name, "object")) ||
           (json_is_array(value) && !strcmp(name, "array")) ||
           (json_is_string(value) && !strcmp(name, "string")) ||
           (json_is_integer(value) && !strcmp(name, "integer")) ||
           (json_is_number(value) && !strcmp(name, "number")) ||
           (json_is_boolean(value) && !strcmp(name, "boolean")) ||
           (json_is_null(value) && !strcmp(name, "null"));
}

/* The values that are listed, as texts. */
static int values_write(struct schema_writer *w, json_t *schema, json_t *values, struct strbuf *out)
{
    json_t *value;
    size_t i;

    json_array_foreach(values, i, value)
    {
        char *text;

        if (!has_type(json_object_get(schema, "type"), value))
            continue;
        text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        if (!text)
            return err_set(ERR_NOMEM, "no memory for a schema");
        strbuf_addf(out, out->len ? " | " : "");
        gbnf_literal(out, text, strlen(text));
        free(text);
    }
    return out->len ? 0 : schema__fail(w, ERR_FORMAT, "no value is allowed");
}

static json_t *without(const json_t *schema, const char *key)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)schema);

    json_object_del(copy, key);
    return copy;
}

static int pointer_find(const struct schema_writer *w, const char *pointer, json_t **out)
{
    const char *at = pointer;

    *out = w->root;
    if (*at++ != '#')
        return err_set(ERR_UNSUPPORTED, "schema at #%s: $ref \"%.100s\" leads out of the document",
                       strbuf_str(&w->path), pointer);
    while (*at == '/') {
        size_t len = strcspn(++at, "/");
        struct strbuf step = {0};

        for (size_t i = 0; i < len; i++) {
            bool tilde = at[i] == '~' && i + 1 < len && (at[i + 1] == '0' || at[i + 1] == '1');

            strbuf_add(&step, tilde ? (at[i + 1] == '0' ? "~" : "/") : &at[i], 1);
            i += tilde;
        }
        *out = json_is_array(*out) ? json_array_get(*out, strtoul(strbuf_str(&step), NULL, 10))
                                   : json_object_get(*out, strbuf_str(&step));
        strbuf_deinit(&step);
        at += len;
    }
    if (*at || !*out)
        return err_set(ERR_FORMAT, "schema at #%s: $ref \"%.100s\" leads nowhere",
                       strbuf_str(&w->path), pointer);
    return 0;
}

/* A reference alone is the rule of what it names, made once. */
static int reference_write(struct schema_writer *w, const char *pointer, struct strbuf *out)
{
    json_t *known = json_object_get(w->references, pointer), *target;
    struct strbuf body = {0};
    unsigned rule = 0, inner = 0;

    if (!known) {
        TRY(pointer_find(w, pointer, &target));
        TRY(schema__rule_new(w, &rule));
        json_object_set_new(w->references, pointer, json_integer(rule));
        TRY(schema__part(w, "$ref", target, &inner));
        strbuf_addf(&body, "r%u", inner);
        schema__rule_write(w, rule, &body);
        known = json_object_get(w->references, pointer);
    }
    strbuf_addf(out, "r%lld", (long long)json_integer_value(known));
    return 0;
}

/* part: what stands in an allOf or anyOf, its own references resolved, so that it can be joined. */
static int resolve(struct schema_writer *w, json_t *part, json_t **out)
{
    json_t *reference, *target, *rest;
    int rc;

    *out = NULL;
    if (json_is_true(part)) {
        *out = json_object();
        return 0;
    }
    if (!json_is_object(part))
        return schema__fail(w, ERR_FORMAT,
                            "a part of allOf, anyOf or oneOf is no schema that allows "
                            "anything");
    reference = json_object_get(part, "$ref");
    if (!reference) {
        *out = json_incref(part);
        return 0;
    }
    if (!json_is_string(reference))
        return schema__fail(w, ERR_FORMAT, "\"$ref\" is no string");
    TRY(pointer_find(w, json_string_value(reference), &target));
    if (++w->depth > MAX_DEPTH)
        return schema__fail(w, ERR_UNSUPPORTED, "references that lead around in a circle");
    TRY(resolve(w, target, &target));
    w->depth--;
    rest = without(part, "$ref");
    rc = json_schema_merge(target, rest, out);
    json_decref(target);
    json_decref(rest);
    return rc;
}

/* base and part together, written as one rule. */
static int joined_rule(struct schema_writer *w, json_t *base, json_t *part, unsigned *rule)
{
    json_t *resolved = NULL, *joined = NULL;
    int rc = resolve(w, part, &resolved);

    if (rc == 0)
        rc = json_schema_merge(base, resolved, &joined);
    if (rc < 0 && strncmp(err_message(), "schema at", 9) != 0)
        err_wrap("schema at #%s", strbuf_str(&w->path));
    if (rc == 0)
        rc = schema__part(w, "anyOf", joined, rule);
    json_decref(resolved);
    json_decref(joined);
    return rc;
}

static int any_write(struct schema_writer *w, json_t *schema, const char *key, struct strbuf *out)
{
    json_t *parts = json_object_get(schema, key), *base = without(schema, key), *part;
    size_t i;
    int rc = json_is_array(parts) && json_array_size(parts)
                 ? 0
                 : err_set(ERR_FORMAT, "schema at #%s: \"%s\" is no list of schemas",
                           strbuf_str(&w->path), key);

    if (rc == 0) {
        json_array_foreach(parts, i, part)
        {
            unsigned rule;

            /* Alone a reference stays one: it may lead back here. */
            rc = schema__speaks_of(base, NULL) ? joined_rule(w, base, part, &rule)
                                               : schema__part(w, key, part, &rule);
            if (rc < 0)
                break;
            strbuf_addf(out, i ? " | r%u" : "r%u", rule);
        }
    }
    json_decref(base);
    return rc;
}

static int all_write(struct schema_writer *w, json_t *schema, struct strbuf *out)
{
    json_t *parts = json_object_get(schema, "allOf"), *joined = without(schema, "allOf"), *part;
    unsigned rule = 0;
    size_t i;
    int rc =
        json_is_array(parts) ? 0 : schema__fail(w, ERR_FORMAT, "\"allOf\" is no list of schemas");

    json_array_foreach(parts, i, part)
    {
        json_t *resolved = NULL, *more = NULL;

        if (rc == 0)
            rc = resolve(w, part, &resolved);
        if (rc == 0)
            rc = json_schema_merge(joined, resolved, &more);
        json_decref(resolved);
        if (rc < 0)
            break;
        json_decref(joined);
        joined = more;
    }
    if (rc < 0 && strncmp(err_message(), "schema at", 9) != 0)
        err_wrap("schema at #%s", strbuf_str(&w->path));
    if (rc == 0)
        rc = schema__part(w, "allOf", joined, &rule);
    strbuf_addf(out, "r%u", rule);
    json_decref(joined);
    return rc;
}

static int reference_or_join(struct schema_writer *w, json_t *schema, struct strbuf *out)
{
    json_t *reference = json_object_get(schema, "$ref"), *rest = without(schema, "$ref");
    json_t *alone = json_pack("{s:O}", "$ref", reference);
    unsigned rule;
    int rc;

    if (!json_is_string(reference)) {
        rc = schema__fail(w, ERR_FORMAT, "\"$ref\" is no string");
    } else if (schema__speaks_of(rest, NULL)) {
        rc = joined_rule(w, rest, alone, &rule);
        strbuf_addf(out, "r%u", rule);
    } else {
        rc = reference_write(w, json_string_value(reference), out);
    }
    json_decref(rest);
    json_decref(alone);
    return rc;
}

static int object_schema_write(struct schema_writer *w, json_t *schema, struct strbuf *out)
{
    json_t *constant = json_object_get(schema, "const"), *values = json_object_get(schema, "enum");

    TRY(keywords_check(w, schema));
    if (json_object_get(schema, "$ref"))
        return reference_or_join(w, schema, out);
    if (json_object_get(schema, "allOf"))
        return all_write(w, schema, out);
    if (json_object_get(schema, "anyOf"))
        return any_write(w, schema, "anyOf", out);
    if (json_object_get(schema, "oneOf"))
        return any_write(w, schema, "oneOf", out);
    if (constant) {
        json_t *one = json_pack("[O]", constant);
        int rc = values_write(w, schema, one, out);

        json_decref(one);
        return rc;
    }
    if (values)
        return values_write(w, schema, values, out);
    if (!schema__speaks_of(schema, NULL)) {
        strbuf_addf(out, "value");
        return 0;
    }
    return types_write(w, schema, out);
}

static int schema_rule(struct schema_writer *w, json_t *schema, unsigned *rule)
{
    struct strbuf body = {0};
    int rc;

    TRY(schema__rule_new(w, rule));
    if (++w->depth > MAX_DEPTH)
        return schema__fail(w, ERR_RANGE, "schemas inside each other that deep");
    if (json_is_true(schema))
        strbuf_addf(&body, "value");
    rc = json_is_true(schema) ? 0
         : json_is_object(schema)
             ? object_schema_write(w, schema, &body)
             : schema__fail(w, ERR_FORMAT, "here is no schema that allows anything");
    w->depth--;
    if (rc == 0)
        schema__rule_write(w, *rule, &body);
    strbuf_deinit(&body);
    return rc;
}

int json_schema_grammar(const char *text, size_t len, struct strbuf *rules)
{
    json_error_t wrong;
    struct schema_writer w = {.rules = rules};
    unsigned rule = 0;
    int rc;

    w.root = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &wrong);
    if (!w.root)
        return err_set(ERR_FORMAT, "schema, line %d: no JSON: %s", wrong.line, wrong.text);
    w.references = json_pack("{s:{}}", "any");
    strbuf_addf(&w.path, "%s", "");
    strbuf_add(rules, prelude, sizeof prelude - 1);
    rc = schema_rule(&w, w.root, &rule);
    strbuf_addf(rules, "root ::= ws r%u\n", rule);
    json_decref(w.references);
    json_decref(w.root);
    strbuf_deinit(&w.path);
    return rc;
}
