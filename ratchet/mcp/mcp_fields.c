/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_fields.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <string.h>

static const char *const type_names[] = {"string", "integer", "number", "boolean", "object"};

/* --- schema --- */

static json_t *value_schema(const struct mcp_field *f, bool arguments)
{
    json_t *s = f->type == MCP_OBJECT && f->of ? mcp_fields_schema(f->of, arguments)
                                               : json_pack("{s:s}", "type", type_names[f->type]);

    if (f->flags & MCP_LIST)
        s = json_pack("{s:s, s:o}", "type", "array", "items", s);
    if (f->flags & MCP_NULL)
        json_object_set_new(s, "type", json_pack("[O, s]", json_object_get(s, "type"), "null"));
    if (f->what)
        json_object_set_new(s, "description", json_string(f->what));
    return s;
}

json_t *mcp_fields_schema(const struct mcp_field *fields, bool arguments)
{
    json_t *properties = json_object(), *required = json_array();
    json_t *s = json_pack("{s:s, s:o}", "type", "object", "properties", properties);

    for (const struct mcp_field *f = fields; f->name; f++) {
        json_object_set_new(properties, f->name, value_schema(f, arguments));
        if (f->flags & MCP_MUST)
            json_array_append_new(required, json_string(f->name));
    }
    if (json_array_size(required))
        json_object_set(s, "required", required);
    json_decref(required);
    if (arguments)
        json_object_set_new(s, "additionalProperties", json_false());
    return s;
}

/* --- check --- */

static bool type_fits(enum mcp_type type, json_t *value)
{
    switch (type) {
    case MCP_STRING:
        return json_is_string(value);
    case MCP_INTEGER:
        return json_is_integer(value);
    case MCP_NUMBER:
        return json_is_number(value);
    case MCP_BOOLEAN:
        return json_is_boolean(value);
    default:
        return json_is_object(value);
    }
}

static int one_check(const struct mcp_field *f, json_t *value)
{
    if (json_is_null(value) && f->flags & MCP_NULL)
        return 0;
    if (!type_fits(f->type, value))
        return err_set(ERR_USAGE, "%s must be %s%s%s%s", f->name,
                       f->flags & MCP_LIST ? "a list, each item of type " : "of type ",
                       type_names[f->type], f->what ? ": " : "", f->what ? f->what : "");
    return f->type == MCP_OBJECT && f->of ? mcp_fields_check(f->of, value) : 0;
}

static int value_check(const struct mcp_field *f, json_t *value)
{
    if (!(f->flags & MCP_LIST))
        return one_check(f, value);
    if (!json_is_array(value))
        return one_check(f, NULL);
    for (size_t i = 0; i < json_array_size(value); i++)
        TRY(one_check(f, json_array_get(value, i)));
    return 0;
}

static int unknown(const struct mcp_field *fields, const char *name)
{
    struct strbuf known = {0};
    int rc;

    for (const struct mcp_field *f = fields; f->name; f++)
        strbuf_addf(&known, "%s%s", known.len ? ", " : "", f->name);
    rc = err_set(ERR_USAGE, "there is no argument %.64s; there is %s", name,
                 known.len ? known.data : "none");
    strbuf_deinit(&known);
    return rc;
}

int mcp_fields_check(const struct mcp_field *fields, json_t *arguments)
{
    size_t n_known = 0;
    const char *name;
    json_t *value;

    for (const struct mcp_field *f = fields; f->name; f++) {
        value = json_object_get(arguments, f->name);
        if (value)
            TRY(value_check(f, value));
        else if (f->flags & MCP_MUST)
            return err_set(ERR_USAGE, "%s is missing%s%s", f->name, f->what ? ": " : "",
                           f->what ? f->what : "");
        n_known += value != NULL;
    }
    if (n_known == json_object_size(arguments))
        return 0;
    json_object_foreach(arguments, name, value)
    {
        const struct mcp_field *f = fields;

        while (f->name && strcmp(f->name, name) != 0)
            f++;
        if (!f->name)
            return unknown(fields, name);
    }
    return 0;
}
