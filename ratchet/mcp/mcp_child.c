/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_child.h"

#include "reference/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLITE_MS = 2000, OUTPUT_MOST = 64 << 20 };

/* Child side; never returns. What the server ignores or blocks is the command's again. */
static void run(const char *const argv[], pid_t server, int out, int err)
{
    int nothing = open("/dev/null", O_RDONLY);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != server || nothing < 0 || dup2(nothing, 0) < 0 || dup2(out, 1) < 0 ||
        dup2(err, 2) < 0)
        _exit(126);
    execv(argv[0], (char *const *)(uintptr_t)argv); /* which changes nothing */
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static void close_pair(int fds[2])
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

int mcp_child_start(struct mcp_child *c, const char *const argv[])
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    pid_t server = getpid(), pid = -1;

    strbuf_clear(&c->output);
    strbuf_clear(&c->line);
    if (pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0)
        pid = fork();
    if (pid == 0)
        run(argv, server, out[1], err[1]);
    if (pid < 0) {
        err_set(ERR_IO, "%s cannot be started: %s", argv[0], strerror(errno));
        close_pair(out);
        close_pair(err);
        return ERR_IO;
    }
    setpgid(pid, pid); /* both sides: whoever comes first */
    close(out[1]);
    close(err[1]);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);
    c->pid = pid;
    c->out = out[0];
    c->err = err[0];
    c->exited = pidfd_open(pid, 0);
    if (c->exited >= 0)
        return 0;
    err_set(ERR_IO, "%s cannot be waited for: %s", argv[0], strerror(errno));
    mcp_child_stop(c);
    return ERR_IO;
}

void mcp_child_poll(const struct mcp_child *c, struct pollfd out[MCP_CHILD_FDS])
{
    const int fds[MCP_CHILD_FDS] = {c->exited, c->out, c->err};

    for (int i = 0; i < MCP_CHILD_FDS; i++)
        out[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
}

/* Bytes of a descriptor that never blocks; 0 when there are none now, or no more. At the end it is
 * closed: it would be ready for ever. */
static size_t take(int *fd, char *buffer, size_t bytes)
{
    ssize_t n = *fd < 0 ? 0 : read(*fd, buffer, bytes);

    if (n > 0)
        return (size_t)n;
    if (*fd >= 0 && (n == 0 || (errno != EAGAIN && errno != EINTR))) {
        close(*fd);
        *fd = -1;
    }
    return 0;
}

static void take_lines(struct mcp_child *c, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\n') {
            if (c->line.len < MCP_CHILD_LINE && text[i])
                strbuf_add(&c->line, &text[i], 1);
        } else if (c->line.len) {
            c->on_line(c->ctx, c->line.data);
            strbuf_clear(&c->line);
        }
    }
}

static void take_all(struct mcp_child *c)
{
    char buffer[4096];
    size_t n;

    while ((n = take(&c->out, buffer, sizeof buffer)) > 0)
        if (c->output.len < OUTPUT_MOST)
            strbuf_add(&c->output, buffer, n);
    while ((n = take(&c->err, buffer, sizeof buffer)) > 0)
        take_lines(c, buffer, n);
}

static void forget(struct mcp_child *c)
{
    int *const fds[] = {&c->exited, &c->out, &c->err};

    for (int i = 0; i < MCP_CHILD_FDS; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
    c->pid = 0;
}

bool mcp_child_read(struct mcp_child *c, int *status)
{
    int s = 0;
    pid_t ended = waitpid(c->pid, &s, WNOHANG);

    take_all(c); /* after waitpid: nothing is written later */
    if (ended == 0 || (ended < 0 && errno == EINTR))
        return false;
    if (c->line.len)
        take_lines(c, "\n", 1);
    *status = WIFEXITED(s) ? WEXITSTATUS(s) : 128 + WTERMSIG(s);
    forget(c);
    return true;
}

void mcp_child_stop(struct mcp_child *c)
{
    struct pollfd ended = {.fd = c->exited, .events = POLLIN};

    if (!c->pid)
        return;
    kill(-c->pid, SIGTERM);
    poll(&ended, 1, POLITE_MS);
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    take_all(c);
    forget(c);
}

void mcp_child_deinit(struct mcp_child *c)
{
    mcp_child_stop(c);
    strbuf_deinit(&c->output);
    strbuf_deinit(&c->line);
}
