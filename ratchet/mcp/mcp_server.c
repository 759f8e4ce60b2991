/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_server.h"

#include "ratchet/mcp/mcp_known.h"
#include "ratchet/mcp/mcp_resources.h"
#include "ratchet/mcp/mcp_run.h"
#include "ratchet/mcp/mcp_tools.h"
#include "reference/base/err.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CHUNK_BYTES = 4096,     /* of a pipe that poll() calls writable: never blocks */
    BEHIND_MOST = 16 << 20, /* bytes not yet read by the client: it is not read either */
    LAST_WORDS_MS = 1000    /* to write what is left when all ends */
};

/* Newest first. */
static const char *const revisions[] = {"2025-11-25", "2025-06-18", "2024-11-05"};

static const char instructions[] =
    "Pawl is a ratchet for CPU kernels: you propose one change at a time, a sealed judge decides. "
    "Read context and pawl://taxonomy first, and history before an idea; read_kernel for the "
    "lines; "
    "propose with a hypothesis; check; then try, which takes minutes (or start, and ask status). A "
    "win is committed, everything else is undone, "
    "every attempt stays in the ledger. Only kernel/*.c and kernel/*.inc may change.";

/* --- methods: a result, or NULL with *code and err_message() --- */

static json_t *refuse(int *code, int with)
{
    *code = with;
    return NULL;
}

static json_t *on_initialize(struct mcp_server *s, json_t *params, int *code)
{
    const char *asked = json_string_value(json_object_get(params, "protocolVersion")),
               *client = json_string_value(
                   json_object_get(json_object_get(params, "clientInfo"), "name")),
               *agreed = revisions[0];
    char version[13]; /* there are no others: which judge decides is what matters */

    if (!asked) {
        err_set(ERR_USAGE, "protocolVersion is missing");
        return refuse(code, JSONRPC_PARAMS);
    }
    if (s->ready) {
        err_set(ERR_CONFLICT, "this session is initialised already");
        return refuse(code, JSONRPC_INVALID);
    }
    for (size_t i = 0; i < sizeof revisions / sizeof *revisions; i++)
        if (strcmp(asked, revisions[i]) == 0)
            agreed = revisions[i];
    if (client && strlen(client) < sizeof s->client)
        snprintf(s->client, sizeof s->client, "%s", client);
    s->ready = true;
    snprintf(version, sizeof version, "%s", s->r->judge->hash);
    return json_pack("{s:s, s:{s:{}, s:{}}, s:{s:s, s:s, s:s}, s:s}", "protocolVersion", agreed,
                     "capabilities", "tools", "resources", "serverInfo", "name", "pawl", "title",
                     "Pawl, a ratchet for CPU kernels", "version", version, "instructions",
                     instructions);
}

static json_t *on_ping(struct mcp_server *s, json_t *params, int *code)
{
    (void)s;
    (void)params;
    (void)code;
    return json_object();
}

/* Lists come whole: nobody was given a cursor. */
static bool no_cursor(const json_t *params, int *code)
{
    if (!json_object_get(params, "cursor"))
        return true;
    err_set(ERR_USAGE, "cursor: this server gave none");
    *code = JSONRPC_PARAMS;
    return false;
}

static json_t *on_tools_list(struct mcp_server *s, json_t *params, int *code)
{
    (void)s;
    return no_cursor(params, code) ? mcp_tools_list() : NULL;
}

static json_t *on_resources_list(struct mcp_server *s, json_t *params, int *code)
{
    json_t *list;

    if (!no_cursor(params, code))
        return NULL;
    list = mcp_resources_list(s->r);
    return list ? list : refuse(code, JSONRPC_INTERNAL);
}

static json_t *on_templates_list(struct mcp_server *s, json_t *params, int *code)
{
    (void)s;
    return no_cursor(params, code) ? mcp_resources_templates() : NULL;
}

static json_t *on_resources_read(struct mcp_server *s, json_t *params, int *code)
{
    const char *uri = json_string_value(json_object_get(params, "uri"));
    json_t *out = NULL;
    int rc;

    if (!uri) {
        err_set(ERR_USAGE, "uri is missing");
        return refuse(code, JSONRPC_PARAMS);
    }
    rc = mcp_resources_read(s->r, uri, &out);
    if (rc == 0)
        err_set(ERR_USAGE, "there is no resource %.200s; resources/list names them", uri);
    else if (rc == 1 && mcp_resources_kernel(uri))
        mcp_known_shown(s, mcp_resources_kernel(uri), true);
    return rc == 1 ? out : refuse(code, rc == 0 ? JSONRPC_NO_RESOURCE : JSONRPC_INTERNAL);
}

static const struct {
    const char *name;
    json_t *(*answer)(struct mcp_server *s, json_t *params, int *code);
} methods[] = {
    {"initialize", on_initialize},         {"ping", on_ping},
    {"tools/list", on_tools_list},         {"tools/call", NULL}, /* is answered when the tool is */
    {"resources/list", on_resources_list}, {"resources/templates/list", on_templates_list},
    {"resources/read", on_resources_read},
};
enum { N_METHODS = sizeof methods / sizeof *methods, BEFORE_READY = 2 };

/* --- messages --- */

static void on_request(struct mcp_server *s, const struct jsonrpc_message *m)
{
    json_t *result = NULL;
    size_t i = 0;
    int code = 0;

    while (i < N_METHODS && strcmp(methods[i].name, m->method) != 0)
        i++;
    if (i == N_METHODS) {
        err_set(ERR_USAGE, "there is no method %.64s", m->method);
        code = JSONRPC_NO_METHOD;
    } else if (!s->ready && i >= BEFORE_READY) {
        err_set(ERR_CONFLICT, "initialize comes first");
        code = JSONRPC_INVALID;
    } else if (methods[i].answer) {
        result = methods[i].answer(s, m->params, &code);
    } else {
        code = mcp_tools_call(s, m->id, m->params);
    }
    if (result)
        jsonrpc_result(&s->out, m->id, result);
    if (code)
        jsonrpc_error(&s->out, m->id, code, err_message());
}

static void on_message(struct mcp_server *s, const struct jsonrpc_message *m)
{
    if (m->code)
        jsonrpc_error(&s->out, m->id, m->code, m->error);
    else if (m->method && m->id)
        on_request(s, m);
    else if (m->method && strcmp(m->method, "notifications/cancelled") == 0)
        mcp_run_cancel(s, json_object_get(m->params, "requestId"));
    /* What else is notified, and answers to what was never asked, need nothing. */
}

/* --- the client --- */

static void receive(struct mcp_server *s)
{
    char buffer[1 << 16];
    ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
    struct jsonrpc_message m;

    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0) {
        s->gone = true;
        return;
    }
    jsonrpc_reader_add(&s->in, buffer, (size_t)n);
    while (jsonrpc_reader_next(&s->in, &m)) {
        on_message(s, &m);
        jsonrpc_message_deinit(&m);
    }
}

static void transmit(struct mcp_server *s)
{
    size_t left = s->out.len - s->n_written;
    ssize_t n =
        write(STDOUT_FILENO, s->out.data + s->n_written, left < CHUNK_BYTES ? left : CHUNK_BYTES);

    if (n > 0)
        s->n_written += (size_t)n;
    else if (errno != EINTR && errno != EAGAIN)
        s->gone = true;
    if (s->n_written == s->out.len) {
        strbuf_clear(&s->out);
        s->n_written = 0;
    }
}

/* --- the loop --- */

static volatile sig_atomic_t told_to_stop;

static void on_signal(int number)
{
    (void)number;
    told_to_stop = 1;
}

/* Signals are let in while waiting only, so that none comes between the look and the wait. */
static void signals_prepare(sigset_t *while_waiting)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction mine = {.sa_handler = on_signal};
    sigset_t blocked;

    signal(SIGPIPE, SIG_IGN); /* a client that left is an error of write() */
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], &mine, NULL);
        sigaddset(&blocked, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, while_waiting);
}

static void step(struct mcp_server *s, const sigset_t *while_waiting)
{
    const struct timespec alive = {.tv_sec = MCP_RUN_ALIVE_SECONDS};
    size_t behind = s->out.len - s->n_written;
    struct pollfd p[2 + MCP_CHILD_FDS] = {
        {.fd = behind > BEHIND_MOST ? -1 : STDIN_FILENO, .events = POLLIN},
        {.fd = STDOUT_FILENO, .events = behind ? POLLOUT : 0},
    };

    if (s->running)
        mcp_child_poll(&s->child, p + 2);
    if (ppoll(p, s->running ? 2 + MCP_CHILD_FDS : 2, s->running ? &alive : NULL, while_waiting) < 0)
        return;
    if (p[1].revents & (POLLERR | POLLHUP | POLLNVAL))
        s->gone = true;
    else if (p[1].revents)
        transmit(s);
    if (s->running)
        mcp_run_step(s);
    if (p[0].revents)
        receive(s);
}

/* What was answered before the client closed its side may still be read. */
static void last_words(struct mcp_server *s)
{
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

    s->gone = false;
    while (s->out.len && !s->gone && poll(&p, 1, LAST_WORDS_MS) == 1 && p.revents == POLLOUT)
        transmit(s);
}

void mcp_server_recover(struct mcp_server *s)
{
    struct ratchet *r = NULL;
    int rc = ratchet_open(s->r->root, s->r->judge, stderr, &r);

    if (rc == 0)
        rc = ratchet_begin(r);
    if (rc < 0) /* the next command that writes does it */
        fprintf(stderr, "ratchet mcp: not recovered yet: %s\n", err_message());
    ratchet_close(&r);
}

int mcp_serve(struct mcp_server *s)
{
    sigset_t while_waiting;

    TRY(ratchet__program(s->program));
    signals_prepare(&while_waiting);
    while (!s->gone && !told_to_stop)
        step(s, &while_waiting);
    mcp_run_stop(s);
    last_words(s);
    mcp_child_deinit(&s->child);
    jsonrpc_reader_deinit(&s->in);
    strbuf_deinit(&s->out);
    strbuf_deinit(&s->profile);
    json_decref(s->known);
    json_decref(s->ended);
    return 0;
}
