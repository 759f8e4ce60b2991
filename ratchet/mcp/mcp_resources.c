/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_resources.h"

#include "ratchet/git/repo.h"
#include "ratchet/mcp/mcp_head.h"
#include "ratchet/mcp/mcp_tools.h"
#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

#define SCHEME  "pawl://"
#define ATTEMPT SCHEME "attempt/"

static const struct {
    const char *uri, *path, *title, *what, *mime;
} files[] = {
    {SCHEME "contract", "kernel/kernel.h", "The contract",
     "what the kernel must compute, operation by operation, and what it may not do", "text/x-c"},
    {SCHEME "taxonomy", "AGENTS.md", "The taxonomy",
     "how to iterate, what each verdict means, symptoms and what to try first", "text/markdown"},
};
enum { N_FILES = sizeof files / sizeof *files };

/* --- lists --- */

static int add_kernel_file(void *ctx, const char *path, const struct strbuf *text)
{
    json_t *o = json_pack("{s:o, s:o, s:s, s:I}", "uri", json_sprintf(SCHEME "%s", path), "name",
                          mcp_string(path), "mimeType", "text/x-c", "size", (json_int_t)text->len);

    return o ? json_array_append_new(ctx, o) : 0; /* a name that is no UTF-8 has no URI */
}

json_t *mcp_resources_list(struct ratchet *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < N_FILES; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:s}", "uri", files[i].uri, "name",
                                        files[i].path, "title", files[i].title, "description",
                                        files[i].what, "mimeType", files[i].mime));
    if (mcp_head_each(r, add_kernel_file, list) < 0) {
        json_decref(list);
        return NULL;
    }
    return json_pack("{s:o}", "resources", list);
}

json_t *mcp_resources_templates(void)
{
    return json_pack("{s:[{s:s, s:s, s:s, s:s, s:s}, {s:s, s:s, s:s, s:s}]}", "resourceTemplates",
                     "uriTemplate", ATTEMPT "{number}", "name", "attempt", "title",
                     "One experiment", "description",
                     "the ledger's row and the whole detail record of an experiment", "mimeType",
                     "application/json", "uriTemplate", SCHEME "kernel/{file}", "name", "kernel",
                     "title", "A file of the kernel", "mimeType", "text/x-c");
}

/* --- reading --- */

static json_t *contents(const char *uri, const char *mime, const char *text)
{
    return json_pack("{s:[{s:s, s:s, s:o}]}", "contents", "uri", uri, "mimeType", mime, "text",
                     mcp_string(text));
}

static int read_head(struct ratchet *r, const char *uri, const char *path, const char *mime,
                     json_t **out)
{
    struct strbuf text = {0};
    int rc = mcp_head_read(r, path, &text);

    if (rc == 1)
        *out = contents(uri, mime, strbuf_str(&text));
    strbuf_deinit(&text);
    return rc;
}

static int read_attempt(struct ratchet *r, const char *uri, json_t **out)
{
    struct strbuf record = {0};
    struct ledger_row row;
    char *end, *text;
    int64_t n = strtoll(uri + strlen(ATTEMPT), &end, 10);
    int rc = *end ? 0 : ledger_find(r->ledger, n, &row);
    json_t *o;

    if (rc != 1)
        return rc;
    o = ledger_row_json(&row);
    ledger_row_deinit(&row);
    if (ledger_details(r->ledger, n, &record) == 1)
        json_object_set_new(o, "record", json_loads(record.data, 0, NULL));
    text = json_dumps(o, JSON_INDENT(1) | JSON_SORT_KEYS);
    *out = contents(uri, "application/json", text ? text : "");
    free(text);
    json_decref(o);
    strbuf_deinit(&record);
    return 1;
}

const char *mcp_resources_kernel(const char *uri)
{
    size_t n = strlen(SCHEME);

    return strncmp(uri, SCHEME, n) == 0 && repo_path_mutable(uri + n) ? uri + n : NULL;
}

int mcp_resources_read(struct ratchet *r, const char *uri, json_t **out)
{
    const char *path = mcp_resources_kernel(uri);

    for (size_t i = 0; i < N_FILES; i++)
        if (strcmp(uri, files[i].uri) == 0)
            return read_head(r, uri, files[i].path, files[i].mime, out);
    if (strncmp(uri, ATTEMPT, strlen(ATTEMPT)) == 0)
        return read_attempt(r, uri, out);
    return path ? read_head(r, uri, path, "text/x-c", out) : 0;
}
