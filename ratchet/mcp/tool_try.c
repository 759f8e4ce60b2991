/* SPDX-License-Identifier: Apache-2.0
 *
 * Tools that judge a proposal: check, try, start and stop, all through `ratchet try` as a child,
 * and the budget that tries spend. */
#include "ratchet/mcp/mcp_attempt.h"
#include "ratchet/mcp/mcp_known.h"
#include "ratchet/mcp/mcp_proposal.h"
#include "ratchet/mcp/mcp_run.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"

#include <math.h>
#include <string.h>

/* --- budget --- */

json_t *mcp_budget_json(const struct mcp_server *s)
{
    const struct mcp_budget *b = &s->budget;
    double minutes = b->seconds_used / 60;

    return json_pack("{s:I, s:o, s:f, s:o}", "attempts_used", (json_int_t)b->attempts_used,
                     "attempts_left",
                     b->attempts ? json_integer(b->attempts - b->attempts_used) : json_null(),
                     "minutes_used", minutes, "minutes_left",
                     b->minutes > 0 ? json_real(fmax(0, b->minutes - minutes)) : json_null());
}

int mcp_tool_budget(struct mcp_call *c)
{
    c->structured = mcp_budget_json(c->server);
    return 0;
}

static int budget_check(const struct mcp_budget *b)
{
    if (b->attempts && b->attempts_used >= b->attempts)
        return err_set(
            ERR_CONFLICT,
            "the budget is spent: %lld of %lld attempts; more must be granted where this "
            "server is started (ratchet mcp --attempts)",
            (long long)b->attempts_used, (long long)b->attempts);
    if (b->minutes > 0 && b->seconds_used >= 60 * b->minutes)
        return err_set(ERR_CONFLICT,
                       "the budget is spent: %.1f of %.1f minutes; more must be granted where this "
                       "server is started (ratchet mcp --minutes)",
                       b->seconds_used / 60, b->minutes);
    return 0;
}

/* --- the command --- */

/* Start `ratchet try` on the call's proposal; `check` alone measures and records nothing. */
static int start(struct mcp_call *c, bool check, int (*finish)(struct mcp_call *c, int status))
{
    const struct mcp_server *s = c->server;
    struct mcp_command m = {0};
    struct mcp_proposal p;
    int rc;

    TRY(mcp_proposal_find(s->r, mcp_argument(c, "proposal"), &p));
    mcp_command_add(&m, s->program);
    mcp_command_add(&m, "try");
    mcp_command_add(&m, "--json");
    mcp_command_add(&m, "--progress");
    mcp_command_add(&m, "--wait");
    if (check)
        mcp_command_add(&m, "--check");
    mcp_command_option(&m, "--message", p.hypothesis);
    mcp_command_option(&m, "--from", p.folder.data);
    mcp_command_option(&m, "--base", p.base);
    mcp_command_option(&m, "--focus", mcp_argument(c, "focus"));
    mcp_command_option(&m, "--features", mcp_argument(c, "features"));
    mcp_command_option(&m, "--author", s->author ? s->author : s->client);
    rc = mcp_run_start(c, &m, finish);
    mcp_proposal_deinit(&p);
    return rc;
}

/* What `ratchet try --json` printed; NULL when it refused. */
static json_t *result_of(const struct mcp_call *c)
{
    return json_loads(strbuf_str(&c->server->child.output), 0, NULL);
}

/* --- check --- */

static int check_finish(struct mcp_call *c, int status)
{
    json_t *result = result_of(c);
    bool correct;

    if (!result)
        return mcp_run_failed(c, status);
    correct = status == 0 ||
              strcmp(record_get_text(result, "verdict"), judge_verdict_name(JUDGE_SAME_CODE)) == 0;
    c->structured = json_pack(
        "{s:b, s:O, s:O, s:O}", "correct", correct, "verdict", json_object_get(result, "verdict"),
        "reason", json_object_get(result, "reason"), "next", json_object_get(result, "next"));
    strbuf_addf(&c->text, "%s: %s", record_get_text(result, "verdict"),
                record_get_text(result, "reason"));
    json_decref(result);
    return 0;
}

int mcp_tool_check(struct mcp_call *c)
{
    return start(c, true, check_finish);
}

/* --- try --- */

static int try_finish(struct mcp_call *c, int status)
{
    json_t *result = result_of(c);
    bool recorded = json_is_true(json_object_get(result, "recorded"));
    int rc;

    if (!recorded) {
        c->server->budget.attempts_used--;
        json_decref(result);
        return mcp_run_failed(c, status);
    }
    rc = mcp_attempt_read(c->server->r, json_integer_value(json_object_get(result, "experiment")),
                          &c->structured, &c->text);
    mcp_known_won(c->server);
    if (rc == 0) {
        json_object_set(c->structured, "applied", json_object_get(result, "applied"));
        json_object_set(c->structured, "win_commit", json_object_get(result, "win_commit"));
        json_object_set(c->structured, "what_happened", json_object_get(result, "what_happened"));
        strbuf_addf(&c->text, "  branch     %s\n", record_get_text(result, "what_happened"));
    }
    json_decref(result);
    return rc;
}

/* The attempt is spent at once, so that one that is cancelled counts, and given back when nothing
 * was recorded. */
int mcp_tool_try(struct mcp_call *c)
{
    int rc;

    TRY(budget_check(&c->server->budget));
    c->experiment = true;
    rc = start(c, false, try_finish);
    if (rc == MCP_LATER)
        c->server->budget.attempts_used++;
    return rc;
}

/* --- start, stop --- */

int mcp_tool_start(struct mcp_call *c)
{
    struct mcp_call *alone = mcp_call_alone(c);
    int rc = mcp_tool_try(alone);

    if (rc != MCP_LATER) {
        mcp_call_free(alone);
        return rc;
    }
    json_decref(c->server->ended);
    c->server->ended = NULL;
    c->structured = json_pack("{s:O, s:b}", "proposal", json_object_get(c->arguments, "proposal"),
                              "running", 1);
    return 0;
}

int mcp_tool_stop(struct mcp_call *c)
{
    const struct mcp_call *running = c->server->running;

    if (!running || running->id)
        return err_set(ERR_CONFLICT, "nothing that start began is running");
    c->structured = json_pack("{s:O, s:b}", "proposal",
                              json_object_get(running->arguments, "proposal"), "running", 0);
    mcp_run_stop(c->server);
    return 0;
}
