/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/jsonrpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 9 }; /* of a number: the ledger keeps six */

void jsonrpc_message_deinit(struct jsonrpc_message *m)
{
    json_decref(m->root);
    memset(m, 0, sizeof *m);
}

/* --- reading --- */

void jsonrpc_reader_add(struct jsonrpc_reader *r, const void *data, size_t bytes)
{
    if (r->begin == r->held.len) {
        strbuf_clear(&r->held);
        r->begin = r->seen = 0;
    } else if (r->begin > r->held.len / 2) {
        memmove(r->held.data, r->held.data + r->begin, r->held.len - r->begin + 1);
        r->held.len -= r->begin;
        r->seen -= r->begin;
        r->begin = 0;
    }
    strbuf_add(&r->held, data, bytes);
}

void jsonrpc_reader_deinit(struct jsonrpc_reader *r)
{
    strbuf_deinit(&r->held);
    memset(r, 0, sizeof *r);
}

static bool wrong(struct jsonrpc_message *m, int code, const char *text)
{
    m->code = code;
    m->method = NULL;
    snprintf(m->error, sizeof m->error, "%s", text);
    return true;
}

/* What a JSON value is as a message. An id is kept even where the rest is wrong: the answer names
 * it. */
static bool message_read(struct jsonrpc_message *m)
{
    const json_t *version = json_object_get(m->root, "jsonrpc"),
                 *method = json_object_get(m->root, "method");
    json_t *id = json_object_get(m->root, "id");

    if (json_is_array(m->root))
        return wrong(m, JSONRPC_INVALID,
                     "batches are no part of this protocol; send one message a line");
    if (!json_is_object(m->root))
        return wrong(m, JSONRPC_INVALID, "a message is a JSON object");
    if (!method && (json_object_get(m->root, "result") || json_object_get(m->root, "error")))
        return true; /* a response, which is never answered, whatever its id */
    if (json_is_string(id) || json_is_integer(id))
        m->id = id;
    else if (id)
        return wrong(m, JSONRPC_INVALID, "id must be a string or an integer");
    if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
        return wrong(m, JSONRPC_INVALID, "\"jsonrpc\": \"2.0\" is missing");
    if (!json_is_string(method))
        return wrong(m, JSONRPC_INVALID, "method must be a string");
    m->method = json_string_value(method);
    m->params = json_object_get(m->root, "params");
    if (m->params && !json_is_object(m->params))
        return wrong(m, m->id ? JSONRPC_PARAMS : JSONRPC_INVALID, "params must be an object");
    return true;
}

static bool line_read(const char *line, size_t len, struct jsonrpc_message *m)
{
    json_error_t e;
    char text[sizeof m->error];

    m->root = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (m->root)
        return message_read(m);
    snprintf(text, sizeof text, "no valid JSON: %.200s (byte %d)", e.text, e.position);
    for (char *p = text; *p; p++) /* it may cite what is no UTF-8 */
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    return wrong(m, JSONRPC_PARSE, text);
}

static bool blank(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!memchr(" \t\r", line[i], 3))
            return false;
    return true;
}

bool jsonrpc_reader_next(struct jsonrpc_reader *r, struct jsonrpc_message *out)
{
    memset(out, 0, sizeof *out);
    while (r->seen < r->held.len) {
        char *line = r->held.data + r->begin,
             *end = memchr(r->held.data + r->seen, '\n', r->held.len - r->seen);
        size_t len = end ? (size_t)(end - line) : r->held.len - r->begin;
        bool skipped = r->skipping;

        if (!end && !skipped && len <= JSONRPC_LINE_MOST) {
            r->seen = r->held.len;
            return false;
        }
        r->begin = r->seen = r->begin + len + (end != NULL);
        r->skipping = !end;
        if (!skipped && len > JSONRPC_LINE_MOST)
            return wrong(out, JSONRPC_PARSE, "a line of more than 4 MiB; send kernels as patches");
        if (!skipped && !blank(line, len))
            return line_read(line, len, out);
    }
    return false;
}

/* --- writing --- */

/* False when the value holds what JSON cannot. */
static bool line_write(struct strbuf *out, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS)) : NULL;

    if (text)
        strbuf_addf(out, "%s\n", text);
    free(text);
    json_decref(value);
    return text != NULL;
}

static json_t *id_or_null(json_t *id)
{
    return id ? json_incref(id) : json_null();
}

void jsonrpc_result(struct strbuf *out, json_t *id, json_t *result)
{
    bool built = result != NULL; /* json_pack takes the id even where the result is missing */

    if (!built || !line_write(out, json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id",
                                             id_or_null(id), "result", result)))
        jsonrpc_error(out, id, JSONRPC_INTERNAL, "the answer could not be written as JSON");
}

void jsonrpc_error(struct strbuf *out, json_t *id, int code, const char *message)
{
    json_t *e = json_pack("{s:i, s:s}", "code", code, "message", message);

    if (!e) /* no UTF-8 */
        e = json_pack("{s:i, s:s}", "code", code, "message", "the reason is no valid UTF-8");
    line_write(out,
               json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", id_or_null(id), "error", e));
}

void jsonrpc_notify(struct strbuf *out, const char *method, json_t *params)
{
    json_t *m = json_pack("{s:s, s:s}", "jsonrpc", "2.0", "method", method);

    if (params)
        json_object_set_new(m, "params", params);
    line_write(out, m);
}
