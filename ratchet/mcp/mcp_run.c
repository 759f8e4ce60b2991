/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_run.h"

#include "ratchet/try/progress.h"
#include "reference/base/err.h"

#include <assert.h>
#include <string.h>

enum { SAID_MOST = 2000, BEHIND_MOST = 256 << 10 };
static const double EVERY_SECONDS = 0.2; /* and not more often */

/* --- progress --- */

/* The value must grow with each notification: seconds do, nearly. A client that does not read gets
 * no more of them; one that asked for none gets none. */
static void tell(struct mcp_call *c)
{
    struct mcp_server *s = c->server;
    double now = progress_seconds() - c->started;

    if (!c->token || s->out.len - s->n_written > BEHIND_MOST)
        return;
    c->told = now;
    c->progress = now > c->progress ? now : c->progress + 1e-3;
    jsonrpc_notify(&s->out, "notifications/progress",
                   json_pack("{s:O, s:f, s:o}", "progressToken", c->token, "progress", c->progress,
                             "message", mcp_string(c->news.data)));
}

/* A step of `ratchet try --progress`, or anything else that a command says. */
static void on_line(void *ctx, const char *line)
{
    struct mcp_call *c = ctx;
    json_t *step = json_loads(line, 0, NULL);
    const char *stage = json_string_value(json_object_get(step, "stage")),
               *said = json_string_value(json_object_get(step, "text"));
    bool due = progress_seconds() - c->started - c->told >= EVERY_SECONDS ||
               json_is_true(json_object_get(step, "done"));

    strbuf_clear(&c->news);
    if (stage && said) {
        if (c->began == 0)
            c->began = progress_seconds();
        strbuf_addf(&c->news, "%s: %s", stage, said);
    } else {
        if (c->said.len + strlen(line) > SAID_MOST)
            strbuf_clear(&c->said);
        strbuf_addf(&c->said, "%s%s", c->said.len ? "\n" : "", line);
        strbuf_addf(&c->news, "%s", line);
    }
    if (due || c->progress == 0)
        tell(c);
    json_decref(step);
}

/* --- one command --- */

void mcp_command_add(struct mcp_command *m, const char *argument)
{
    assert(m->n + 1 < sizeof m->argv / sizeof *m->argv);
    m->argv[m->n++] = argument;
}

void mcp_command_option(struct mcp_command *m, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    mcp_command_add(m, name);
    mcp_command_add(m, value);
}

int mcp_run_start(struct mcp_call *c, const struct mcp_command *m,
                  int (*finish)(struct mcp_call *c, int status))
{
    struct mcp_server *s = c->server;

    if (s->running)
        return err_set(ERR_CONFLICT,
                       "busy: %s has been running for %.0f s, and what measures wants the machine "
                       "to itself; wait for its answer, or cancel it",
                       s->running->tool->name, progress_seconds() - s->running->started);
    s->child.on_line = on_line;
    s->child.ctx = c;
    TRY(mcp_child_start(&s->child, m->argv));
    c->finish = finish;
    c->started = progress_seconds();
    s->running = c;
    return MCP_LATER;
}

static struct mcp_call *ended(struct mcp_server *s)
{
    struct mcp_call *c = s->running;

    if (c->experiment && c->began > 0)
        s->budget.seconds_used += progress_seconds() - c->began;
    s->running = NULL;
    return c;
}

void mcp_run_step(struct mcp_server *s)
{
    struct mcp_call *c;
    int status;

    if (!mcp_child_read(&s->child, &status)) {
        c = s->running;
        if (c->news.len && progress_seconds() - c->started - c->told >= MCP_RUN_ALIVE_SECONDS)
            tell(c);
        return;
    }
    c = ended(s);
    mcp_call_answer(c, c->finish(c, status));
}

void mcp_run_stop(struct mcp_server *s)
{
    struct mcp_call *c = s->running;

    if (!c)
        return;
    json_decref(c->token);
    c->token = NULL; /* nothing more is told */
    mcp_child_stop(&s->child);
    ended(s);
    if (c->experiment && c->began > 0)
        mcp_server_recover(s);
    else if (c->experiment)
        s->budget.attempts_used--; /* it was in the queue, and leaves nothing behind */
    mcp_call_free(c);
}

void mcp_run_cancel(struct mcp_server *s, json_t *id)
{
    if (s->running && json_equal(s->running->id, id))
        mcp_run_stop(s);
}

int mcp_run_failed(const struct mcp_call *c, int status)
{
    if (c->said.len)
        return err_set(ERR_IO, "%s", c->said.data);
    return err_set(ERR_IO, "%s ended with status %d and said nothing", c->tool->name, status);
}
