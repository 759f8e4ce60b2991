/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chat/conversation.h"

#include "engine/tokenizer/text_stream.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <string.h>

/* jansson answers NULL when memory runs out; like strbuf, a conversation then has no way on. */
static json_t *made(json_t *value)
{
    if (!value)
        abort();
    return value;
}

void conversation_init(struct conversation *c)
{
    c->messages = made(json_array());
}

void conversation_deinit(struct conversation *c)
{
    json_decref(c->messages);
    c->messages = NULL;
}

static json_t *message_new(const char *role, const char *text, size_t len)
{
    struct text_stream stream = {0};
    struct strbuf clean = {0};
    json_t *m;

    text_stream_push(&stream, text, len, &clean);
    text_stream_finish(&stream, &clean);
    m = made(json_pack("{s:s, s:o}", "role", role, "content",
                       made(json_stringn(strbuf_str(&clean), clean.len))));
    strbuf_deinit(&clean);
    return m;
}

void conversation_add(struct conversation *c, const char *role, const char *text, size_t len)
{
    json_array_append_new(c->messages, message_new(role, text, len));
}

size_t conversation_n(const struct conversation *c)
{
    return json_array_size(c->messages);
}

const char *conversation_role(const struct conversation *c, size_t i)
{
    return json_string_value(json_object_get(json_array_get(c->messages, i), "role"));
}

const char *conversation_text(const struct conversation *c, size_t i, size_t *len)
{
    const json_t *text = json_object_get(json_array_get(c->messages, i), "content");

    *len = json_string_length(text);
    return json_string_value(text);
}

static int has_role(const struct conversation *c, size_t i, const char *role)
{
    return i < conversation_n(c) && !strcmp(conversation_role(c, i), role);
}

int conversation_drop(struct conversation *c, const char *role)
{
    size_t n = conversation_n(c);

    if (!n || !has_role(c, n - 1, role))
        return 0;
    json_array_remove(c->messages, n - 1);
    return 1;
}

void conversation_set_system(struct conversation *c, const char *text)
{
    if (has_role(c, 0, "system"))
        json_array_remove(c->messages, 0);
    if (*text)
        json_array_insert_new(c->messages, 0, message_new("system", text, strlen(text)));
}

void conversation_truncate(struct conversation *c, size_t n)
{
    if (!n && has_role(c, 0, "system"))
        n = 1;
    while (conversation_n(c) > n)
        json_array_remove(c->messages, conversation_n(c) - 1);
}

/* --- files --- */

int conversation_save(const struct conversation *c, const char *path)
{
    json_t *all = made(json_pack("{s:O}", "messages", c->messages));
    char *text = json_dumps(all, JSON_INDENT(2));
    int rc;

    json_decref(all);
    if (!text)
        return err_set(ERR_NOMEM, "no memory for a conversation");
    rc = file_write_atomic(path, text, strlen(text));
    free(text);
    return rc;
}

static int messages_check(const json_t *messages, const char *path)
{
    size_t i;
    json_t *m;

    if (!json_is_array(messages))
        return err_set(ERR_FORMAT, "%s: no conversation: it has no list \"messages\"", path);
    json_array_foreach(messages, i,
                       m) if (!json_is_string(json_object_get(m, "role")) ||
                              !json_is_string(json_object_get(
                                  m, "content"))) return err_set(ERR_FORMAT,
                                                                 "%s: message %zu has no \"role\" "
                                                                 "and \"content\" in strings",
                                                                 path, i + 1);
    return 0;
}

int conversation_parse(struct conversation *c, const char *text, size_t len, const char *name)
{
    json_error_t error;
    json_t *all = json_loadb(text, len, JSON_ALLOW_NUL, &error), *messages;
    int rc;

    if (!all)
        return err_set(ERR_FORMAT, "%s: line %d: %s", name, error.line, error.text);
    messages = json_object_get(all, "messages");
    rc = messages_check(messages, name);
    if (rc == 0) {
        json_decref(c->messages);
        c->messages = json_incref(messages);
    }
    json_decref(all);
    return rc;
}

int conversation_load(struct conversation *c, const char *path)
{
    struct strbuf text = {0};
    int rc = file_read(path, &text);

    if (rc == 0)
        rc = conversation_parse(c, strbuf_str(&text), text.len, path);
    strbuf_deinit(&text);
    return rc;
}
