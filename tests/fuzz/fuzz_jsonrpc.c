/* SPDX-License-Identifier: Apache-2.0
 *
 * First a byte that says in which pieces the rest arrives; then what a client of `ratchet mcp` may
 * send. The messages are the same as when all comes at once, what is answered is one line of JSON
 * each, and arguments either fit their table or are refused with a reason. */
#include "ratchet/mcp/jsonrpc.h"
#include "ratchet/mcp/mcp_fields.h"

#include "reference/base/err.h"
#include "tests/fuzz/fuzz_targets.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct mcp_field item[] = {{"file", MCP_STRING, MCP_MUST, "a name", NULL},
                                        {"text", MCP_STRING, MCP_NULL, NULL, NULL},
                                        {0}};
static const struct mcp_field table[] = {{"hypothesis", MCP_STRING, MCP_MUST, "why", NULL},
                                         {"files", MCP_OBJECT, MCP_LIST, NULL, item},
                                         {"n", MCP_INTEGER, 0, NULL, NULL},
                                         {"x", MCP_NUMBER, 0, NULL, NULL},
                                         {"yes", MCP_BOOLEAN, 0, NULL, NULL},
                                         {0}};

static void check(bool right)
{
    if (!right)
        abort();
}

static void answer(const struct jsonrpc_message *m, struct strbuf *out)
{
    size_t begin = out->len;
    json_t *line;

    err_clear();
    if (m->code)
        jsonrpc_error(out, m->id, m->code, m->error);
    else if (m->params && mcp_fields_check(table, m->params) < 0)
        jsonrpc_error(out, m->id, JSONRPC_PARAMS, err_message());
    else
        jsonrpc_result(out, m->id, json_pack("{s:s?}", "method", m->method));
    line = json_loads(out->data + begin, 0, NULL);
    check(line && !memchr(out->data + begin, '\n', out->len - begin - 1));
    json_decref(line);
}

static void serve(const uint8_t *data, size_t size, size_t piece, struct strbuf *out)
{
    struct jsonrpc_reader r = {0};
    struct jsonrpc_message m;

    for (size_t at = 0; at < size; at += piece) {
        jsonrpc_reader_add(&r, data + at, size - at < piece ? size - at : piece);
        while (jsonrpc_reader_next(&r, &m)) {
            answer(&m, out);
            jsonrpc_message_deinit(&m);
        }
    }
    jsonrpc_reader_deinit(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf whole = {0}, pieces = {0};

    if (size < 2)
        return 0;
    serve(data + 1, size - 1, size, &whole);
    serve(data + 1, size - 1, 1u + data[0], &pieces);
    check(strcmp(strbuf_str(&whole), strbuf_str(&pieces)) == 0);
    strbuf_deinit(&whole);
    strbuf_deinit(&pieces);
    return 0;
}
