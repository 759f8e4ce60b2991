/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_tools.h"

#include "ratchet/mcp/mcp_schemas.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

/* In the order in which an agent needs them. */
static const struct mcp_tool tools[] = {
    {.name = "status",
     .title = "Where things stand",
     .what =
         "HEAD, the last experiment, an experiment under way, changed files, whether this judge is "
         "HEAD's, its calibration, the machine.",
     .in = mcp_in_nothing,
     .out = mcp_out_status,
     .call = mcp_tool_status},
    {.name = "budget",
     .title = "What is left to spend",
     .what =
         "Attempts and minutes that this server may still spend on tries; null where there is no "
         "limit.",
     .in = mcp_in_nothing,
     .out = mcp_out_budget,
     .call = mcp_tool_budget},
    {.name = "context",
     .title = "What to know before proposing",
     .what = "The incumbent, each case's distance to the roof weighted by its share of time, the "
             "profile, the last attempts, and those like your idea. Nothing is measured for it.",
     .in = mcp_in_context,
     .out = mcp_out_context,
     .call = mcp_tool_context},
    {.name = "read_kernel",
     .title = "Read the kernel",
     .what = "Without a file: the mutable files of HEAD, which are all that a proposal may change. "
             "With "
             "a file: its text, or some lines of it. The contract is the resource pawl://contract.",
     .in = mcp_in_read_kernel,
     .out = mcp_out_read_kernel,
     .call = mcp_tool_read_kernel},
    {.name = "propose",
     .title = "Propose one change",
     .what =
         "Keep one change of the kernel, with the hypothesis why it is faster, as a proposal for "
         "check and try. Give a unified diff against HEAD (patch) or whole files (files). Nothing "
         "is built, and no file of the working tree changes.",
     .in = mcp_in_propose,
     .out = mcp_out_propose,
     .writes = true,
     .call = mcp_tool_propose},
    {.name = "check",
     .title = "Is a proposal correct?",
     .what = "Build a proposal and compare it with the oracle: correctness alone, in seconds to a "
             "minute once its turn comes: it queues behind the experiments of others, whom it "
             "would disturb. Costs no attempt and records nothing.",
     .in = mcp_in_check,
     .out = mcp_out_check,
     .call = mcp_tool_check},
    {.name = "try",
     .title = "Run the experiment",
     .what =
         "Judge a proposal against HEAD: check, measure side by side, decide under noise. A win is "
         "committed and the branch moves; on anything else nothing changes, and the ledger keeps "
         "the attempt either way. Takes up to some minutes, and queues behind others; reports "
         "progress, can be cancelled. Costs one attempt of the budget. A client that waits for no "
         "answer as long as that uses start.",
     .in = mcp_in_try,
     .out = mcp_out_try,
     .writes = true,
     .destructive = true,
     .call = mcp_tool_try},
    {.name = "start",
     .title = "Run the experiment, do not wait",
     .what = "As try, but answers at once. status says how far it is, and then how it ended; "
             "explain has all of it. It ends with the session.",
     .in = mcp_in_try,
     .out = mcp_out_start,
     .writes = true,
     .destructive = true,
     .call = mcp_tool_start},
    {.name = "stop",
     .title = "End the experiment",
     .what = "End what start began. An attempt whose turn had come is recorded as interrupted.",
     .in = mcp_in_nothing,
     .out = mcp_out_start,
     .writes = true,
     .call = mcp_tool_stop},
    {.name = "profile",
     .title = "Where the time goes",
     .what = "Profile HEAD's kernel or a proposal: hot spots, spills, ports, counters, assembly. "
             "Returns the summary and the names of the parts, which are written to the "
             "repository's profiles/; `part` reads one of the last profile.",
     .in = mcp_in_profile,
     .out = mcp_out_profile,
     .writes = true,
     .call = mcp_tool_profile},
    {.name = "roofline",
     .title = "How far from the roof",
     .what = "Measure each case of HEAD's kernel or of a proposal: the wall it stands at (memory, "
             "compute, overhead) and how far from it.",
     .in = mcp_in_roofline,
     .out = mcp_out_roofline,
     .call = mcp_tool_roofline},
    {.name = "history",
     .title = "What was tried",
     .what = "Experiments of the ledger, newest first, by text, case, operation, verdict. Look "
             "here before "
             "proposing: the same idea again gets no second chance.",
     .in = mcp_in_history,
     .out = mcp_out_history,
     .call = mcp_tool_history},
    {.name = "explain",
     .title = "Explain one attempt",
     .what = "One experiment: verdict, reason, what to do next, every case with its interval, and "
             "what to "
             "look at.",
     .in = mcp_in_explain,
     .out = mcp_out_attempt,
     .call = mcp_tool_explain},
    {.name = "diff",
     .title = "Compare two kernels",
     .what = "The change of the kernel's files from a to b, as a unified diff.",
     .in = mcp_in_diff,
     .out = mcp_out_diff,
     .call = mcp_tool_diff},
};
enum { N_TOOLS = sizeof tools / sizeof *tools };

/* --- list --- */

static json_t *tool_json(const struct mcp_tool *t)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:{s:b, s:b, s:b}}", "name", t->name, "title",
                     t->title, "description", t->what, "inputSchema",
                     mcp_fields_schema(t->in, true), "outputSchema",
                     mcp_fields_schema(t->out, false), "annotations", "readOnlyHint", !t->writes,
                     "destructiveHint", t->destructive, "openWorldHint", 0);
}

json_t *mcp_tools_list(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < N_TOOLS; i++)
        json_array_append_new(list, tool_json(&tools[i]));
    return json_pack("{s:o}", "tools", list);
}

/* --- call --- */

static const struct mcp_tool *tool_find(const char *name)
{
    for (size_t i = 0; name && i < N_TOOLS; i++)
        if (strcmp(tools[i].name, name) == 0)
            return &tools[i];
    return NULL;
}

static struct mcp_call *call_make(struct mcp_server *s, const struct mcp_tool *tool,
                                  json_t *arguments)
{
    struct mcp_call *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    c->server = s;
    c->tool = tool;
    c->arguments = json_incref(arguments);
    return c;
}

struct mcp_call *mcp_call_alone(const struct mcp_call *c)
{
    return call_make(c->server, c->tool, c->arguments);
}

int mcp_tools_call(struct mcp_server *s, json_t *id, json_t *params)
{
    const char *name = json_string_value(json_object_get(params, "name"));
    const struct mcp_tool *tool = tool_find(name);
    json_t *arguments = json_object_get(params, "arguments"),
           *token = json_object_get(json_object_get(params, "_meta"), "progressToken");
    struct mcp_call *c;
    int rc;

    if (!tool) {
        err_set(ERR_USAGE, "there is no tool %.64s; tools/list names them", name ? name : "(name)");
        return JSONRPC_PARAMS;
    }
    if (arguments && !json_is_object(arguments)) {
        err_set(ERR_USAGE, "arguments must be an object");
        return JSONRPC_PARAMS;
    }
    c = call_make(s, tool, arguments);
    c->id = json_incref(id);
    if (json_is_string(token) || json_is_integer(token))
        c->token = json_incref(token);
    rc = mcp_fields_check(tool->in, arguments);
    if (rc == 0)
        rc = tool->call(c);
    if (rc != MCP_LATER)
        mcp_call_answer(c, rc);
    return 0;
}

/* --- answer --- */

static json_t *text_content(json_t *text)
{
    return json_pack("[{s:s, s:o}]", "type", "text", "text", text);
}

/* Without a text of its own the answer's text is its JSON, as the specification would have it. */
static json_t *answer_text(const struct mcp_call *c)
{
    char *text;
    json_t *json;

    if (c->text.len)
        return mcp_string(c->text.data);
    text = json_dumps(c->structured, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json = json_string(text);
    free(text);
    return json;
}

static void keep_ended(struct mcp_call *c, int rc)
{
    json_decref(c->server->ended);
    c->server->ended = json_pack("{s:s, s:O, s:O?, s:o}", "tool", c->tool->name, "proposal",
                                 json_object_get(c->arguments, "proposal"), "experiment",
                                 json_object_get(c->structured, "experiment"), "said",
                                 mcp_string(rc < 0 ? err_message() : strbuf_str(&c->text)));
}

void mcp_call_answer(struct mcp_call *c, int rc)
{
    json_t *result;

    if (!c->id) {
        keep_ended(c, rc);
        mcp_call_free(c);
        return;
    }
    if (rc < 0)
        result = json_pack("{s:o, s:b}", "content", text_content(mcp_string(err_message())),
                           "isError", 1);
    else
        result = json_pack("{s:o, s:O}", "content", text_content(answer_text(c)),
                           "structuredContent", c->structured);
    jsonrpc_result(&c->server->out, c->id, result);
    mcp_call_free(c);
}

void mcp_call_free(struct mcp_call *c)
{
    json_decref(c->id);
    json_decref(c->token);
    json_decref(c->arguments);
    json_decref(c->structured);
    strbuf_deinit(&c->text);
    strbuf_deinit(&c->said);
    strbuf_deinit(&c->news);
    free(c);
}

/* --- for tools --- */

const char *mcp_argument(const struct mcp_call *c, const char *name)
{
    return json_string_value(json_object_get(c->arguments, name));
}

int64_t mcp_argument_integer(const struct mcp_call *c, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(c->arguments, name);

    return value ? json_integer_value(value) : otherwise;
}

json_t *mcp_string(const char *text)
{
    char *valid = NULL;
    json_t *json;

    record_text(&valid, text);
    json = json_string(valid);
    free(valid);
    return json;
}
