/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/jsonrpc.h"

#include <criterion/criterion.h>
#include <string.h>

/* One line in, its code out; 1 when it gives no message. */
static int code_of(const char *line, size_t len)
{
    struct jsonrpc_reader r = {0};
    struct jsonrpc_message m;
    int code = 1;

    jsonrpc_reader_add(&r, line, len);
    jsonrpc_reader_add(&r, "\n", 1);
    if (jsonrpc_reader_next(&r, &m)) {
        code = m.code;
        cr_expect_eq(code == 0, m.error[0] == '\0');
        jsonrpc_message_deinit(&m);
        cr_expect(!jsonrpc_reader_next(&r, &m), "one line is one message");
    }
    jsonrpc_reader_deinit(&r);
    return code;
}

Test(jsonrpc, tells_messages_from_rubbish)
{
    static const struct {
        const char *line;
        int code;
    } cases[] = {
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"m\",\"params\":{}}", 0},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\"}\r", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}", 0},
        {"", 1},
        {" \t\r", 1},
        {"x", JSONRPC_PARSE},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"", JSONRPC_PARSE},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"} {}", JSONRPC_PARSE},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xc3\x28\"}", JSONRPC_PARSE},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\u0000\"}", JSONRPC_PARSE},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\ud800\"}", JSONRPC_PARSE},
        {"{\"id\":1,\"id\":1}", JSONRPC_PARSE},
        {"[]", JSONRPC_INVALID},
        {"null", JSONRPC_INVALID},
        {"{}", JSONRPC_INVALID},
        {"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"m\"}", JSONRPC_INVALID},
        {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"m\"}", JSONRPC_INVALID},
        {"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"m\"}", JSONRPC_INVALID},
        {"{\"jsonrpc\":\"2.0\",\"id\":1}", JSONRPC_INVALID},
        {"{\"jsonrpc\":\"2.0\",\"result\":{}}", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{}}", 0},
        {"{\"id\":{},\"error\":{}}", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":null}", JSONRPC_PARAMS},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":1}", JSONRPC_INVALID},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(code_of(cases[i].line, strlen(cases[i].line)), cases[i].code, "%s",
                     cases[i].line);
    cr_expect_eq(code_of("\0", 1), JSONRPC_PARSE);
}

Test(jsonrpc, deep_nesting_is_an_error_and_no_crash)
{
    struct strbuf line = {0};

    for (int i = 0; i < 1000000; i++)
        strbuf_add(&line, i % 2 ? "{\"a\":" : "[", i % 2 ? 5 : 1);
    cr_expect_eq(code_of(line.data, line.len), JSONRPC_PARSE);
    strbuf_deinit(&line);
}

Test(jsonrpc, an_id_survives_what_else_is_wrong)
{
    static const char line[] = "{\"id\":7,\"method\":\"m\"}\n";
    struct jsonrpc_reader r = {0};
    struct jsonrpc_message m;

    jsonrpc_reader_add(&r, line, strlen(line));
    cr_assert(jsonrpc_reader_next(&r, &m));
    cr_expect_eq(m.code, JSONRPC_INVALID);
    cr_expect_eq(json_integer_value(m.id), 7);
    jsonrpc_message_deinit(&m);
    jsonrpc_reader_deinit(&r);
}

/* The same messages, however the bytes arrive; lines that are too long are told once and passed. */
Test(jsonrpc, framing_does_not_depend_on_the_pieces)
{
    static const size_t pieces[] = {1, 7, 4096, 1 << 20, 64 << 20};
    static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
    struct strbuf all = {0};

    strbuf_add(&all, request, strlen(request));
    for (size_t i = 0; i < JSONRPC_LINE_MOST + 100000; i++)
        strbuf_add(&all, "y", 1);
    strbuf_add(&all, "\n\n", 2);
    strbuf_add(&all, request, strlen(request));
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct jsonrpc_reader r = {0};
        struct jsonrpc_message m;
        int codes[8], n = 0;

        for (size_t at = 0; at < all.len; at += pieces[i]) {
            size_t left = all.len - at;

            jsonrpc_reader_add(&r, all.data + at, left < pieces[i] ? left : pieces[i]);
            while (jsonrpc_reader_next(&r, &m)) {
                cr_assert_lt(n, 8);
                codes[n++] = m.code;
                jsonrpc_message_deinit(&m);
            }
        }
        cr_assert_eq(n, 3, "pieces of %zu: %d messages", pieces[i], n);
        cr_expect(codes[0] == 0 && codes[1] == JSONRPC_PARSE && codes[2] == 0);
        jsonrpc_reader_deinit(&r);
    }
    strbuf_deinit(&all);
}

Test(jsonrpc, writes_one_line_whatever_the_text)
{
    struct strbuf out = {0};
    json_t *id = json_string("a\nb");

    jsonrpc_result(&out, id, json_pack("{s:s}", "text", "two\nlines"));
    jsonrpc_result(&out, id, NULL);
    jsonrpc_error(&out, NULL, JSONRPC_PARSE, "\xff");
    jsonrpc_notify(&out, "notifications/progress", NULL);
    cr_expect_str_eq(
        out.data,
        "{\"jsonrpc\":\"2.0\",\"id\":\"a\\nb\",\"result\":{\"text\":\"two\\nlines\"}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":\"a\\nb\",\"error\":{\"code\":-32603,\"message\":\"the answer "
        "could not be written as JSON\"}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"the reason is "
        "no "
        "valid UTF-8\"}}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n");
    json_decref(id);
    strbuf_deinit(&out);
}
