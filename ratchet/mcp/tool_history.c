/* SPDX-License-Identifier: Apache-2.0
 *
 * Tools that read the ledger: status, context, history, explain. */
#include "ratchet/mcp/mcp_attempt.h"
#include "ratchet/mcp/mcp_tools.h"

#include "ratchet/agent/context.h"
#include "ratchet/command/cmd.h"
#include "ratchet/history/filter.h"
#include "ratchet/try/progress.h"
#include "reference/base/err.h"

/* What runs for this session. */
static json_t *running_json(const struct mcp_call *running)
{
    json_t *o = json_pack("{s:s, s:f, s:b, s:o}", "tool", running->tool->name, "seconds",
                          progress_seconds() - running->started, "waits",
                          running->experiment && running->began == 0, "said",
                          mcp_string(strbuf_str(&running->news))),
           *proposal = json_object_get(running->arguments, "proposal");

    if (proposal)
        json_object_set(o, "proposal", proposal);
    return o;
}

int mcp_tool_status(struct mcp_call *c)
{
    const struct mcp_server *s = c->server;

    c->structured = cmd_status_json(s->r);
    if (s->running)
        json_object_set_new(c->structured, "running", running_json(s->running));
    if (s->ended)
        json_object_set(c->structured, "ended", s->ended);
    return 0;
}

/* How to answer is another matter for those who are run by `ratchet agent`. */
int mcp_tool_context(struct mcp_call *c)
{
    struct context_options o = {.focus = mcp_argument(c, "focus"), .near = mcp_argument(c, "near")};
    json_t *budget;
    int rc;

    TRY(judge_focus_check(o.focus));
    o.budget = budget = mcp_budget_json(c->server);
    rc = context_make(c->server->r, &o, &c->structured);
    json_decref(budget);
    json_object_del(json_object_get(c->structured, "contract"), "answer");
    return rc;
}

/* --- history --- */

struct found {
    struct ratchet *r;
    json_t *rows;
};

static int add_row(void *ctx, const struct ledger_row *row)
{
    struct found *f = ctx;

    return json_array_append_new(f->rows, context_attempt(f->r, row));
}

static void add_line(const json_t *o, struct strbuf *out)
{
    const json_t *percent = json_object_get(o, "percent");
    struct strbuf line = {0};

    cmd_line(&line, json_string_value(json_object_get(o, "hypothesis")), 100);
    strbuf_addf(out, "%lld %s ", (long long)json_integer_value(json_object_get(o, "experiment")),
                json_string_value(json_object_get(o, "verdict")));
    if (json_is_number(percent))
        strbuf_addf(out, "%+.2f %% ", json_number_value(percent));
    strbuf_addf(out, "%s\n", strbuf_str(&line));
    strbuf_deinit(&line);
}

int mcp_tool_history(struct mcp_call *c)
{
    struct filter_text words = {.grep = mcp_argument(c, "text"),
                                .case_name = mcp_argument(c, "case"),
                                .op = mcp_argument(c, "op"),
                                .verdict = mcp_argument(c, "verdict")};
    int64_t limit = mcp_argument_integer(c, "limit", 20);
    struct found f = {c->server->r, json_array()};
    json_t *list = json_array();
    struct filter filter;
    size_t n;
    int rc = filter_parse(f.r->ledger, &words, &filter);

    if (rc == 0 && limit < 1)
        rc = err_set(ERR_USAGE, "limit must be 1 or more");
    if (rc == 0)
        rc = filter_each(f.r->ledger, &filter, add_row, &f);
    n = json_array_size(f.rows);
    for (size_t i = n; rc == 0 && i > 0 && (int64_t)(n - i) < limit; i--) {
        json_array_append(list, json_array_get(f.rows, i - 1));
        add_line(json_array_get(f.rows, i - 1), &c->text);
    }
    c->structured = json_pack("{s:o, s:I}", "experiments", list, "found", (json_int_t)n);
    if (n == 0)
        strbuf_addf(&c->text, "no experiment of this kind");
    json_decref(f.rows);
    return rc;
}

int mcp_tool_explain(struct mcp_call *c)
{
    return mcp_attempt_read(c->server->r, mcp_argument_integer(c, "experiment", 0), &c->structured,
                            &c->text);
}
