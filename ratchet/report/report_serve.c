/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/report/report_serve.h"

#include "ratchet/git/repo.h"
#include "ratchet/report/report_data.h"
#include "ratchet/report/report_page.h"
#include "ratchet/try/progress.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

enum { LISTENERS = 2, WAKE_MS = 1000, IDLE_SECONDS = 30, CONNECTIONS = 32 };

struct server {
    struct ratchet *r;
    struct report *report;
    char version[REPO_HEX + 32]; /* of `data`; "" = none yet */
    json_t *data;
    struct strbuf policy;
};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

/* --- what is served --- */

/* Changes with every row and every commit of the branch. */
static int version_now(struct server *s, char out[REPO_HEX + 32])
{
    char branch[REPO_REF], hex[REPO_HEX] = "";
    int64_t n = ledger_count(s->r->ledger);
    git_oid head;

    if (n < 0)
        return (int)n;
    if (repo_head(s->r->repo, branch, &head) == 0)
        git_oid_tostr(hex, sizeof hex, &head);
    snprintf(out, REPO_HEX + 32, "%lld-%s", (long long)n, hex);
    return 0;
}

/* Read what is new since the last time. */
static int refresh(struct server *s)
{
    char now[REPO_HEX + 32];
    json_t *data;

    TRY(version_now(s, now));
    if (s->data && strcmp(now, s->version) == 0)
        return 0;
    TRY(report_data(s->report, &data));
    json_object_set_new(data, "version", json_string(now));
    json_decref(s->data);
    s->data = data;
    snprintf(s->version, sizeof s->version, "%s", now);
    return 0;
}

static int add_live(struct server *s, struct strbuf *out)
{
    char now[REPO_HEX + 32];
    json_t *o, *progress = NULL;
    int rc;

    TRY(version_now(s, now));
    progress_read(s->r->store, &progress);
    o = json_pack("{s:s, s:o?}", "version", now, "progress", progress);
    rc = report_json(o, out);
    json_decref(o);
    return rc;
}

static int add_body(struct server *s, const char *path, struct strbuf *out)
{
    if (strcmp(path, "/live.json") == 0)
        return add_live(s, out);
    TRY(refresh(s));
    return strcmp(path, "/") == 0 ? report_page(s->data, &report_assets_built, true, out)
                                  : report_json(s->data, out);
}

/* --- requests --- */

/* Whether the Host header, its port aside, names the loopback. */
static bool host_is_ours(const char *host)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *end;

    if (!host)
        return false;
    end = strrchr(host, ':');
    if (!end || strchr(end, ']'))
        end = host + strlen(host);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((size_t)(end - host) == strlen(names[i]) &&
            strncasecmp(host, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              const struct server *s, const struct strbuf *body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body->len, (void *)(uintptr_t)strbuf_str(body), MHD_RESPMEM_MUST_COPY);
    enum MHD_Result rc;

    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Content-Security-Policy", s->policy.data);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    rc = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return rc;
}

/* What stands against a request: its status and a line, or 0. */
static unsigned refuse(struct MHD_Connection *connection, const char *method, const char *path,
                       struct strbuf *why)
{
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");

    if (!host_is_ours(host)) {
        strbuf_addf(why, "this report is for 127.0.0.1, [::1] and localhost\n");
        return MHD_HTTP_FORBIDDEN;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        strbuf_addf(why, "only GET and HEAD\n");
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    if (strcmp(path, "/") != 0 && strcmp(path, "/data.json") != 0 &&
        strcmp(path, "/live.json") != 0) {
        strbuf_addf(why, "there is /, /data.json and /live.json\n");
        return MHD_HTTP_NOT_FOUND;
    }
    return 0;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **state)
{
    struct server *s = ctx;
    struct strbuf body = {0};
    const char *type = "text/plain; charset=utf-8";
    unsigned status = refuse(connection, method, path, &body);
    enum MHD_Result rc;

    (void)version, (void)upload, (void)upload_bytes, (void)state;
    if (!status && add_body(s, path, &body) < 0) {
        strbuf_clear(&body);
        strbuf_addf(&body, "%s\n", err_message());
        status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    } else if (!status) {
        type = strcmp(path, "/") == 0 ? "text/html; charset=utf-8" : "application/json";
        status = MHD_HTTP_OK;
    }
    rc = answer(connection, status, type, s, &body);
    strbuf_deinit(&body);
    return rc;
}

/* --- listening --- */

static struct MHD_Daemon *listen_on(struct server *s, const struct sockaddr *address)
{
    unsigned flags = MHD_USE_EPOLL | (address->sa_family == AF_INET6 ? MHD_USE_IPv6 : 0);

    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR, address,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_END);
}

/* A machine without IPv6 has the first alone. */
static int listen_both(struct server *s, uint16_t *port, struct MHD_Daemon *out[LISTENERS])
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(*port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out[0] = listen_on(s, (struct sockaddr *)&v4);
    if (!out[0])
        return err_set(ERR_CONFLICT,
                       "127.0.0.1:%u cannot be listened on: %s; --port takes another, 0 any that "
                       "is free",
                       *port, strerror(errno));
    *port = MHD_get_daemon_info(out[0], MHD_DAEMON_INFO_BIND_PORT)->port;
    v6.sin6_port = htons(*port);
    out[1] = listen_on(s, (struct sockaddr *)&v6);
    return 0;
}

static void run_until_signal(struct MHD_Daemon *daemons[LISTENERS], const sigset_t *open)
{
    struct pollfd fds[LISTENERS];
    const struct timespec wake = {.tv_sec = WAKE_MS / 1000};
    nfds_t n = 0;

    for (int i = 0; i < LISTENERS; i++)
        if (daemons[i])
            fds[n++] = (struct pollfd){
                .fd = MHD_get_daemon_info(daemons[i], MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
                .events = POLLIN};
    while (!ended) {
        ppoll(fds, n, &wake, open);
        for (int i = 0; i < LISTENERS; i++)
            if (daemons[i])
                MHD_run(daemons[i]);
    }
}

/* Signals are let through only while waiting, so that none is missed before it. */
static void signals_catch(sigset_t *before)
{
    struct sigaction act = {.sa_handler = on_signal};
    sigset_t mine;

    ended = 0;
    sigemptyset(&mine);
    sigaddset(&mine, SIGINT);
    sigaddset(&mine, SIGTERM);
    sigprocmask(SIG_BLOCK, &mine, before);
    sigdelset(before, SIGINT);
    sigdelset(before, SIGTERM);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int report_serve(struct ratchet *r, uint16_t port, FILE *say)
{
    struct MHD_Daemon *daemons[LISTENERS] = {NULL, NULL};
    struct server s = {.r = r};
    sigset_t open;
    int rc;

    TRY(report_open(r, &s.report));
    report_policy(&report_assets_built, true, &s.policy);
    rc = refresh(&s);
    if (rc == 0)
        rc = listen_both(&s, &port, daemons);
    if (rc == 0) {
        signals_catch(&open);
        fprintf(say, "http://127.0.0.1:%u/\n", port);
        fflush(say);
        run_until_signal(daemons, &open);
    }
    for (int i = 0; i < LISTENERS; i++)
        if (daemons[i])
            MHD_stop_daemon(daemons[i]);
    report_close(&s.report);
    json_decref(s.data);
    strbuf_deinit(&s.policy);
    return rc;
}
