/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/json_schema_internal.h"

#include "reference/base/err.h"

#include <string.h>

static bool one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(word, *words))
        words++;
    return *words != NULL;
}

/* Both schemas hold for what is described twice. */
static json_t *both(json_t *a, json_t *b)
{
    return json_pack("{s:[O,O]}", "allOf", a, b);
}

static json_t *properties_join(json_t *a, json_t *b)
{
    json_t *joined = json_copy(a), *value, *mine;
    const char *key;

    json_object_foreach(b, key, value)
    {
        mine = json_object_get(joined, key);
        if (mine && !json_equal(mine, value))
            json_object_set_new(joined, key, both(mine, value));
        else
            json_object_set(joined, key, value);
    }
    return joined;
}

static bool array_has(const json_t *array, const json_t *value)
{
    json_t *item;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)array, i,
                       item) if (json_equal(item, value)) return true;
    return false;
}

static json_t *as_array(json_t *x)
{
    return json_is_array(x) ? json_incref(x) : json_pack("[O]", x);
}

/* Items of a that are in b too, or all of both. */
static json_t *arrays_join(json_t *a, json_t *b, bool only_common)
{
    json_t *out = json_array(), *left = as_array(a), *right = as_array(b), *item;
    size_t i;

    json_array_foreach(left, i, item) if (!only_common || array_has(right, item))
        json_array_append(out, item);
    json_array_foreach(right, i, item) if (!only_common && !array_has(out, item))
        json_array_append(out, item);
    json_decref(left);
    json_decref(right);
    return out;
}

static json_t *bound_join(json_t *a, json_t *b, bool higher)
{
    bool first = json_number_value(a) > json_number_value(b);

    return json_incref(first == higher ? a : b);
}

/* What stands for both values of a keyword; NULL: nothing can. */
static json_t *value_join(const char *key, json_t *a, json_t *b)
{
    static const char *const lower[] = {"minLength", "minItems", "minimum", "exclusiveMinimum",
                                        NULL};
    static const char *const upper[] = {"maxLength", "maxItems", "maximum", "exclusiveMaximum",
                                        NULL};

    if (json_equal(a, b))
        return json_incref(a);
    if (!strcmp(key, "properties") && json_is_object(a) && json_is_object(b))
        return properties_join(a, b);
    if (!strcmp(key, "required") && json_is_array(a) && json_is_array(b))
        return arrays_join(a, b, false);
    if (!strcmp(key, "enum") || !strcmp(key, "type"))
        return arrays_join(a, b, true);
    if (!strcmp(key, "items") && json_is_object(a) && json_is_object(b))
        return both(a, b);
    if (one_of(key, lower) && json_is_number(a) && json_is_number(b))
        return bound_join(a, b, true);
    if (one_of(key, upper) && json_is_number(a) && json_is_number(b))
        return bound_join(a, b, false);
    if (!strcmp(key, "additionalProperties") && (json_is_boolean(a) || json_is_boolean(b)))
        return json_incref(json_is_false(a) || json_is_true(b) ? a : b);
    return NULL;
}

/* Says nothing of which values there are. */
static bool is_annotation(const char *key)
{
    static const char *const words[] = {"title",    "description", "default",
                                        "examples", "$comment",    NULL};

    return one_of(key, words);
}

int json_schema_merge(const json_t *a, const json_t *b, json_t **out)
{
    json_t *value, *mine, *joined;
    const char *key;

    *out = json_copy((json_t *)(uintptr_t)a);
    if (!*out)
        return err_set(ERR_NOMEM, "no memory for a schema");
    json_object_foreach((json_t *)(uintptr_t)b, key, value)
    {
        mine = json_object_get(*out, key);
        joined = !mine || is_annotation(key) ? json_incref(value) : value_join(key, mine, value);
        if (!joined) {
            err_set(ERR_UNSUPPORTED, "two values of \"%.60s\" that cannot be joined", key);
            json_decref(*out);
            *out = NULL;
            return err_code();
        }
        json_object_set_new(*out, key, joined);
    }
    return 0;
}
