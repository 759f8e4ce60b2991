/* SPDX-License-Identifier: Apache-2.0
 *
 * `ratchet report --serve` and `ratchet watch` as processes beside a try (ratchet-pretend). */
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/report/report_browser.h"

#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <pty.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], program[PATH_MAX];

static void setup(void)
{
    char *make[] = {"sh", "tests/pretend/repository.sh", folder, NULL};
    const char *bin = getenv("PAWL_BIN");
    char relative[PATH_MAX];

    snprintf(folder, sizeof folder, "%s/pawl-serve-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    cr_assert(mkdtemp(folder));
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    snprintf(relative, sizeof relative, "%s/ratchet-pretend", bin ? bin : "build/bin");
    cr_assert(realpath(relative, program), "%s is not built", relative);
    cr_assert_eq(process_run(make, NULL, 60, NULL), 0);
}

static void teardown(void)
{
    file_remove_tree(folder);
}

TestSuite(report_serve, .init = setup, .fini = teardown, .timeout = 600);

/* Start `ratchet-pretend ARGS...` in the repository; its output goes to *out (a pipe), unless NULL.
 */
static pid_t start(char *const argv[], int *out)
{
    int fds[2] = {-1, -1};
    pid_t child;

    cr_assert(!out || pipe(fds) == 0);
    child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing running */
        if (chdir(folder) < 0)
            _exit(126);
        dup2(out ? fds[1] : open("/dev/null", O_WRONLY), STDOUT_FILENO);
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        if (out)
            close(fds[0]);
        execv(program, argv);
        _exit(127);
    }
    if (out) {
        close(fds[1]);
        *out = fds[0];
    }
    return child;
}

/* Read until `want` has been said; the text so far is kept in *said. */
static void wait_for(int fd, const char *want, struct strbuf *said)
{
    char text[4096];

    while (!strstr(strbuf_str(said), want)) {
        ssize_t n = read(fd, text, sizeof text);

        cr_assert_gt(n, 0, "\"%s\" was never said, but: %s", want, strbuf_str(said));
        strbuf_add(said, text, (size_t)n);
    }
}

static int ended(pid_t child, int with)
{
    int status = 0;

    if (with)
        kill(child, with);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A try of another tunable that takes `ms` a stage; `check`: a dry run. */
static pid_t start_change(const char *sed, const char *ms, const char *hypothesis, bool check)
{
    char path[PATH_MAX], expression[128], words[128];
    char *edit[] = {"sed", "-i", expression, path, NULL};
    char *argv[] = {"ratchet", "try", "-m", words, check ? "--check" : NULL, NULL};

    snprintf(path, sizeof path, "%s/kernel/tunables.inc", folder);
    snprintf(expression, sizeof expression, "%s", sed);
    snprintf(words, sizeof words, "%s", hypothesis);
    cr_assert_eq(process_run(edit, NULL, 10, NULL), 0);
    setenv("PAWL_PRETEND_MS", ms, 1);
    return start(argv, NULL);
}

static pid_t try_start(const char *sed, const char *ms, const char *hypothesis)
{
    return start_change(sed, ms, hypothesis, false);
}

static pid_t serve_start(int *out, unsigned *port)
{
    char *argv[] = {"ratchet", "report", "--serve", "--port", "0", NULL};
    struct strbuf said = {0};
    pid_t child = start(argv, out);

    wait_for(*out, "/\n", &said);
    cr_assert_eq(sscanf(said.data, "http://127.0.0.1:%u/", port), 1, "%s", said.data);
    strbuf_deinit(&said);
    return child;
}

/* The answer to a request as it is. */
static void ask(int family, unsigned port, const char *request, struct strbuf *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(family, SOCK_STREAM, 0);
    char text[65536];
    ssize_t n;

    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    strbuf_clear(out);
    cr_assert_geq(fd, 0);
    cr_assert_eq(family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                                   : connect(fd, (struct sockaddr *)&v6, sizeof v6),
                 0);
    cr_assert_eq(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    while ((n = read(fd, text, sizeof text)) > 0)
        strbuf_add(out, text, (size_t)n);
    close(fd);
}

static void expect(unsigned port, const char *request, const char *status)
{
    struct strbuf out = {0};

    ask(AF_INET, port, request, &out);
    cr_assert_eq(strncmp(strbuf_str(&out), status, strlen(status)), 0, "%s -> %.60s", request,
                 strbuf_str(&out));
    strbuf_deinit(&out);
}

#define ASK(method, path, host)                                                                    \
    method " " path " HTTP/1.1\r\nHost: " host "\r\nConnection: close\r\n\r\n"

Test(report_serve, answers_the_loopback_and_nobody_else)
{
    struct strbuf out = {0};
    unsigned port;
    int fd;
    pid_t server = serve_start(&fd, &port);

    expect(port, ASK("GET", "/", "127.0.0.1:1"), "HTTP/1.1 200");
    expect(port, ASK("GET", "/", "LocalHost"), "HTTP/1.1 200");
    expect(port, ASK("GET", "/data.json", "[::1]:80"), "HTTP/1.1 200");
    expect(port, ASK("GET", "/live.json", "[::1]"), "HTTP/1.1 200");
    expect(port, ASK("GET", "/", "evil.example"), "HTTP/1.1 403");
    expect(port, ASK("GET", "/", "127.0.0.1.evil.example:80"), "HTTP/1.1 403");
    expect(port, ASK("GET", "/data.json", "localhost.evil"), "HTTP/1.1 403");
    expect(port, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 403");
    expect(port, ASK("POST", "/", "localhost"), "HTTP/1.1 405");
    expect(port, ASK("GET", "/../ledger.db", "localhost"), "HTTP/1.1 404");
    ask(AF_INET, port, ASK("HEAD", "/", "localhost"), &out);
    cr_assert(strstr(out.data, "Content-Security-Policy: default-src 'none'"));
    cr_assert(strstr(out.data, "connect-src 'self'"));
    cr_assert(strstr(out.data, "X-Content-Type-Options: nosniff"));
    cr_assert_str_eq(strstr(out.data, "\r\n\r\n"), "\r\n\r\n", "HEAD has no body");
    strbuf_deinit(&out);
    cr_assert_eq(ended(server, SIGINT), 0);
    close(fd);
}

Test(report_serve, a_taken_port_is_said_with_its_remedy)
{
    char number[16], *argv[] = {program, "report", "--serve", "--port", number, NULL};
    struct strbuf said = {0};
    unsigned port;
    int fd;
    pid_t server = serve_start(&fd, &port);

    snprintf(number, sizeof number, "%u", port);
    cr_assert_eq(process_run(argv, folder, 30, &said), 3);
    cr_assert(strstr(said.data, "--port takes another"), "%s", said.data);
    strbuf_deinit(&said);
    cr_assert_eq(ended(server, SIGTERM), 0);
    close(fd);
}

Test(report_serve, a_page_that_is_not_whole_is_said)
{
    char *argv[] = {"sh", "-c", "\"$0\" report --out - >/dev/full", program, NULL};
    struct strbuf said = {0};

    cr_assert_eq(process_run(argv, folder, 30, &said), 3);
    cr_assert(strstr(said.data, "the page is not whole"), "%s", said.data);
    strbuf_deinit(&said);
}

Test(report_serve, the_page_follows_a_try_in_a_browser)
{
    unsigned port;
    char url[64];
    int fd;
    pid_t server = serve_start(&fd, &port), child;

    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    child = try_start("s/TILE_ROWS, 4/TILE_ROWS, 16/", "6000", "wider tiles");
    browser_check(folder, url);
    cr_assert_eq(ended(child, 0), 0, "the try is a win");
    cr_assert_eq(ended(server, SIGINT), 0);
    close(fd);
}

Test(report_serve, watch_says_each_stage_and_the_verdict_on_a_line)
{
    char *argv[] = {"ratchet", "watch", NULL};
    struct strbuf said = {0};
    int fd;
    pid_t watch = start(argv, &fd), child;

    wait_for(fd, "waiting for a try", &said);
    child = start_change("s/TILE_ROWS, 4/TILE_ROWS, 8/", "600", "wider tiles?", true);
    wait_for(fd, "dry run  check", &said);
    cr_assert_eq(ended(child, 0), 0);
    cr_assert_null(strstr(said.data, "attempt"), "%s", said.data);
    child = try_start("s/TILE_ROWS, 8/TILE_ROWS, 16/", "600", "wider tiles");
    wait_for(fd, "attempt 1  measure", &said);
    wait_for(fd, "wider tiles\n", &said);
    cr_assert(strstr(said.data, "attempt 1  WIN  +"), "%s", said.data);
    cr_assert_eq(ended(child, 0), 0);
    cr_assert_eq(ended(watch, SIGINT), 0);
    strbuf_deinit(&said);
    close(fd);
}

Test(report_serve, watch_draws_on_a_terminal_and_ends_with_q)
{
    char *argv[] = {"ratchet", "watch", NULL};
    struct winsize size = {.ws_col = 100, .ws_row = 24}, small = {.ws_col = 40, .ws_row = 6};
    struct strbuf said = {0};
    pid_t watch, child;
    int terminal;

    cr_assert_eq(ended(try_start("s/TILE_COLUMNS, 64/TILE_COLUMNS, 32/", "0", "narrower"), 0), 0);
    watch = forkpty(&terminal, NULL, NULL, &size);
    if (watch == 0) {
        setenv("TERM", "xterm-256color", 1);
        if (chdir(folder) == 0)
            execv(program, argv);
        _exit(127);
    }
    wait_for(terminal, "narrower", &said);
    cr_assert(strstr(said.data, "nothing"), "nothing runs yet");
    child = try_start("s/TILE_ROWS, 4/TILE_ROWS, 16/", "800", "wider tiles");
    wait_for(terminal, "attempt 2", &said);
    cr_assert_eq(ioctl(terminal, TIOCSWINSZ, &small), 0);
    wait_for(terminal, "wider", &said);
    cr_assert_eq(ended(child, 0), 0);
    cr_assert_eq(write(terminal, "q", 1), 1);
    cr_assert_eq(ended(watch, 0), 0);
    strbuf_deinit(&said);
    close(terminal);
}
