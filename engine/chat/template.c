/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chat/template.h"

#include "engine/chat/template_confine.h"
#include "engine/chat/template_reply.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST_REPLY = 128 << 20, START_MS = 30000, TEXT_MS = 10000 };

struct chat_template {
    const char *python;
    int timeout_ms;     /* for the answer at hand */
    pid_t pid;          /* 0: none */
    int fd;             /* a socket: its stdin and stdout; -1: none */
    struct strbuf line; /* what it has said so far */
};

extern const char chat_render_child[]; /* render_child.py, NUL-terminated */

const char chat_template_chatml[] =
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/* --- the process --- */

static void child_exec(const char *python, int fd, const struct confinement *c)
{
    const char *zone = getenv("TZ");
    char tz[64] = "TZ=", *env[] = {"LC_ALL=C.UTF-8", zone ? tz : NULL, NULL};
    char *argv[] = {"python3", "-I", "-B", "-c", (char *)(uintptr_t)chat_render_child, NULL};

    if (zone)
        strncat(tz, zone, sizeof tz - 4);
    if (dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || confinement_enter(c))
        _exit(126);
    execve(python, argv, env);
    _exit(127);
}

static int child_start(struct chat_template *t)
{
    struct confinement c;
    int fds[2];

    if (access(t->python, X_OK))
        return err_set(ERR_IO,
                       "chat templates need %s (%s): install Debian's package python3-jinja2",
                       t->python, strerror(errno));
    TRY(confinement_open(&c));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
        confinement_close(&c);
        return err_set(ERR_IO, "chat template: socketpair: %s", strerror(errno));
    }
    t->pid = fork();
    if (t->pid == 0)
        child_exec(t->python, fds[1], &c);
    confinement_close(&c);
    close(fds[1]);
    t->fd = fds[0];
    if (t->pid < 0) {
        t->pid = 0;
        return err_set(ERR_IO, "chat template: fork: %s", strerror(errno));
    }
    return 0;
}

static void child_stop(struct chat_template *t)
{
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
    if (t->pid > 0) {
        kill(t->pid, SIGKILL);
        while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    t->pid = 0;
}

/* Why it said nothing more; it is stopped. */
static int child_ended(struct chat_template *t)
{
    int status = 0;

    close(t->fd);
    t->fd = -1;
    while (waitpid(t->pid, &status, 0) < 0 && errno == EINTR)
        ;
    t->pid = 0;
    if (WIFSIGNALED(status))
        return err_set(ERR_IO, "chat template: its process was ended by signal %d",
                       WTERMSIG(status));
    if (WEXITSTATUS(status) == 126)
        return err_set(ERR_UNSUPPORTED, "chat template: this system cannot confine its process "
                                        "(seccomp and resource limits)");
    return err_set(ERR_IO,
                   "chat template: %s ended with status %d: is Debian's package python3-jinja2 "
                   "whole?",
                   t->python, WEXITSTATUS(status));
}

/* --- talking to it --- */

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait until the socket is ready: 0, or ERR_TIMEOUT with the process stopped. */
static int wait_ready(struct chat_template *t, short events, int64_t deadline)
{
    struct pollfd p = {.fd = t->fd, .events = events};

    for (;;) {
        int64_t left = deadline - now_ms();

        if (left > 0 && poll(&p, 1, (int)left) > 0)
            return 0;
        if (left <= 0) {
            child_stop(t);
            return err_set(ERR_TIMEOUT, "chat template: no answer after %d ms: does it end?",
                           t->timeout_ms);
        }
    }
}

static int say(struct chat_template *t, const char *line, size_t len, int64_t deadline)
{
    while (len) {
        ssize_t n;

        TRY(wait_ready(t, POLLOUT, deadline));
        n = send(t->fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return 0; /* it has ended: what it said last tells why */
        if (n > 0) {
            line += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* The next line it says, in t->line. */
static int hear(struct chat_template *t, int64_t deadline)
{
    char block[1 << 16];

    strbuf_clear(&t->line);
    while (!t->line.len || t->line.data[t->line.len - 1] != '\n') {
        ssize_t n;

        TRY(wait_ready(t, POLLIN, deadline));
        n = read(t->fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return child_ended(t);
        strbuf_add(&t->line, block, (size_t)n);
        if (t->line.len > LONGEST_REPLY) {
            child_stop(t);
            return err_set(ERR_RANGE, "chat template: its text is too long");
        }
    }
    return 0;
}

/* `request` becomes a line and is released; the answer's text is appended to *out. */
static int ask(struct chat_template *t, json_t *request, struct strbuf *out)
{
    int64_t deadline = now_ms() + t->timeout_ms;
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    struct strbuf line = {0};
    int rc;

    json_decref(request);
    if (!text)
        return err_set(ERR_FORMAT, "chat template: a text in it is not UTF-8");
    strbuf_addf(&line, "%s\n", text);
    free(text);
    rc = say(t, line.data, line.len, deadline);
    strbuf_deinit(&line);
    TRY(rc);
    TRY(hear(t, deadline));
    return template_reply_parse(t->line.data, t->line.len, out);
}

/* --- opening --- */

/* The caller's variables, and the two tokens that every template may name. */
static int variables_make(const struct chat_template_options *o, json_t **out)
{
    json_error_t error;
    json_t *v = o->variables ? json_loads(o->variables, 0, &error) : json_object();

    *out = NULL;
    if (!json_is_object(v)) {
        json_decref(v);
        return err_set(ERR_USAGE, "template variables: no JSON object: %s; write {\"name\": value}",
                       o->variables ? o->variables : "");
    }
    json_object_set_new(v, "bos_token", json_stringn(o->bos.data, o->bos.len));
    json_object_set_new(v, "eos_token", json_stringn(o->eos.data, o->eos.len));
    *out = v;
    return 0;
}

static int template_start(struct chat_template *t, const struct chat_template_options *o)
{
    struct strbuf nothing = {0};
    json_t *variables, *request;
    int rc;

    t->python = o->python ? o->python : "/usr/bin/python3";
    t->timeout_ms = START_MS;
    TRY(variables_make(o, &variables));
    request = json_pack("{s:o, s:o, s:I}", "template", json_stringn(o->source.data, o->source.len),
                        "variables", variables, "now", (json_int_t)o->now);
    rc = child_start(t);
    if (rc < 0) {
        json_decref(request);
        return rc;
    }
    rc = ask(t, request, &nothing);
    strbuf_deinit(&nothing);
    t->timeout_ms = o->timeout_ms ? o->timeout_ms : TEXT_MS;
    return rc;
}

int chat_template_open(const struct chat_template_options *o, struct chat_template **out)
{
    struct chat_template *t = calloc(1, sizeof *t);
    int rc;

    *out = NULL;
    if (!t)
        return err_set(ERR_NOMEM, "no memory for a chat template");
    t->fd = -1;
    rc = template_start(t, o);
    if (rc < 0)
        chat_template_close(&t);
    *out = t;
    return rc;
}

void chat_template_close(struct chat_template **t)
{
    if (!*t)
        return;
    child_stop(*t);
    strbuf_deinit(&(*t)->line);
    free(*t);
    *t = NULL;
}

int chat_template_render(struct chat_template *t, const struct conversation *c, bool prompt,
                         struct strbuf *out)
{
    if (t->fd < 0)
        return err_set(ERR_CONFLICT, "chat template: its process has ended");
    return ask(t, json_pack("{s:O, s:b}", "messages", c->messages, "add_generation_prompt", prompt),
               out);
}
