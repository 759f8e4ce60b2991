/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chat/template_reply.h"

#include "reference/base/err.h"

#include <jansson.h>

static int reply_use(const json_t *reply, struct strbuf *out)
{
    const json_t *text = json_object_get(reply, "text"), *error = json_object_get(reply, "error");

    if (json_is_string(error))
        return err_set(ERR_FORMAT, "chat template: %s", json_string_value(error));
    if (!json_is_string(text))
        return err_set(ERR_INTEGRITY, "chat template: its process answers neither text nor error");
    strbuf_add(out, json_string_value(text), json_string_length(text));
    return 0;
}

int template_reply_parse(const char *line, size_t len, struct strbuf *out)
{
    json_error_t error;
    json_t *reply = json_loadb(line, len, JSON_ALLOW_NUL, &error);
    int rc;

    if (!reply)
        return err_set(ERR_INTEGRITY, "chat template: its process answers no JSON (%s)",
                       error.text);
    rc = reply_use(reply, out);
    json_decref(reply);
    return rc;
}
