/* SPDX-License-Identifier: Apache-2.0
 *
 * Tools about the kernel's sources: read_kernel, propose, diff. */
#include "ratchet/mcp/mcp_head.h"
#include "ratchet/mcp/mcp_known.h"
#include "ratchet/mcp/mcp_proposal.h"
#include "ratchet/mcp/mcp_tools.h"

#include "ratchet/history/kernel_diff.h"
#include "ratchet/history/revision.h"
#include "reference/base/err.h"

#include <string.h>

/* --- read_kernel --- */

static size_t count_lines(const struct strbuf *text)
{
    size_t n = 0;

    for (size_t i = 0; i < text->len; i++)
        n += text->data[i] == '\n';
    return n + (text->len && text->data[text->len - 1] != '\n');
}

static int list_file(void *ctx, const char *path, const struct strbuf *text)
{
    struct mcp_call *c = ctx;

    strbuf_addf(&c->text, "%-32s %8zu bytes %6zu lines\n", path, text->len, count_lines(text));
    return json_array_append_new(json_object_get(c->structured, "files"),
                                 json_pack("{s:o, s:I, s:I}", "file", mcp_string(path), "bytes",
                                           (json_int_t)text->len, "lines",
                                           (json_int_t)count_lines(text)));
}

/* The start of line n, counted from 1; the end of the text when it has fewer. */
static const char *line_at(const char *text, int64_t n)
{
    while (n > 1 && *text) {
        text += strcspn(text, "\n");
        text += *text == '\n';
        n--;
    }
    return text;
}

static int read_file(struct mcp_call *c, const char *path)
{
    int64_t first = mcp_argument_integer(c, "first_line", 1),
            most = mcp_argument_integer(c, "lines", INT32_MAX), n_lines;
    struct strbuf text = {0};
    int rc = repo_path_mutable(path) ? mcp_head_read(c->server->r, path, &text) : 0;

    n_lines = (int64_t)count_lines(&text);
    if (rc == 0)
        rc = err_set(ERR_USAGE,
                     "%.200s is no mutable file of HEAD; read_kernel without a file "
                     "lists them",
                     path);
    else if (rc == 1 && (first < 1 || most < 1 || first > n_lines))
        rc = err_set(ERR_USAGE, "%s has lines 1 to %lld", path, (long long)n_lines);
    if (rc == 1) {
        int64_t last = most > n_lines - first ? n_lines : first + most - 1;
        const char *from = line_at(text.data, first), *to = line_at(from, last - first + 2);

        strbuf_add(&c->text, from, (size_t)(to - from));
        json_object_set_new(c->structured, "file", json_string(path));
        json_object_set_new(c->structured, "first_line", json_integer(first));
        json_object_set_new(c->structured, "last_line", json_integer(last));
        json_object_set_new(c->structured, "n_lines", json_integer(n_lines));
        json_object_set_new(c->structured, "text", mcp_string(strbuf_str(&c->text)));
        mcp_known_shown(c->server, path, first == 1 && last == n_lines);
        rc = 0;
    }
    strbuf_deinit(&text);
    return rc;
}

int mcp_tool_read_kernel(struct mcp_call *c)
{
    const char *file = mcp_argument(c, "file");
    git_oid head;

    TRY(mcp_head_commit(c->server->r, &head));
    c->structured = json_pack("{s:s}", "head", git_oid_tostr_s(&head));
    if (file)
        return read_file(c, file);
    json_object_set_new(c->structured, "files", json_array());
    return mcp_head_each(c->server->r, list_file, c);
}

/* --- propose --- */

static int proposed_tree(struct mcp_call *c, const git_oid *base, git_oid *tree)
{
    const char *patch = mcp_argument(c, "patch");
    json_t *files = json_object_get(c->arguments, "files");

    if (!patch == !files)
        return err_set(ERR_USAGE, "give the change as patch or as files, one of the two");
    return patch ? mcp_proposal_patch(c->server->r, base, patch, tree)
                 : mcp_proposal_files(c->server->r, base, files, tree);
}

/* The commit that the client has changed. */
static int proposed_base(struct mcp_call *c, const git_oid *head, git_oid *base)
{
    const char *said = mcp_argument(c, "base");
    struct revision known;

    if (!said)
        return mcp_known_base(c->server, json_object_get(c->arguments, "files"), head, base);
    TRY(revision_find(c->server->r, said, &known));
    git_oid_cpy(base, &known.commit);
    return 0;
}

static void proposed_text(const struct mcp_proposal *p, json_t *files, const git_oid *head,
                          struct strbuf *text)
{
    json_t *file;
    size_t i;

    strbuf_addf(text, "proposal %s\n", p->name);
    json_array_foreach(files, i, file)
    {
        strbuf_addf(text, "%-32s +%lld -%lld\n", json_string_value(json_object_get(file, "file")),
                    (long long)json_integer_value(json_object_get(file, "added")),
                    (long long)json_integer_value(json_object_get(file, "removed")));
    }
    if (strcmp(git_oid_tostr_s(head), p->base) != 0)
        strbuf_addf(text, "made on %.12s; check and try merge it onto HEAD, now %.12s\n", p->base,
                    git_oid_tostr_s(head));
}

int mcp_tool_propose(struct mcp_call *c)
{
    struct mcp_proposal p;
    json_t *files = NULL;
    git_oid head, base, tree;
    int rc = mcp_head_commit(c->server->r, &head);

    if (rc == 0)
        rc = proposed_base(c, &head, &base);
    if (rc == 0)
        rc = proposed_tree(c, &base, &tree);
    if (rc == 0)
        rc = mcp_proposal_keep(c->server->r, &base, &tree, mcp_argument(c, "hypothesis"), &p,
                               &files);
    if (rc == 0) {
        mcp_known_sent(c->server, json_object_get(c->arguments, "files"), &base);
        c->structured =
            json_pack("{s:s, s:s, s:o, s:O}", "proposal", p.name, "base", p.base, "folder",
                      json_sprintf("%s/kernel", p.folder.data), "files", files);
        proposed_text(&p, files, &head, &c->text);
        mcp_proposal_deinit(&p);
    }
    json_decref(files);
    return rc;
}

/* --- diff --- */

int mcp_tool_diff(struct mcp_call *c)
{
    const char *b = mcp_argument(c, "b");
    struct history_diff d;
    int rc = history_diff(c->server->r, mcp_argument(c, "a"), b ? b : "HEAD", &d);

    if (rc == 0) {
        c->structured = history_diff_json(&d);
        strbuf_addf(&c->text, "from %s to %s: +%zu -%zu lines\n\n%s", d.a.label, d.b.label,
                    d.n_added, d.n_removed, strbuf_str(&d.patch));
    }
    history_diff_deinit(&d);
    return rc;
}
