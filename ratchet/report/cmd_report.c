/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"

#include "ratchet/report/report_data.h"
#include "ratchet/report/report_page.h"
#include "ratchet/report/report_serve.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: ratchet report [--out FILE | --json | --serve [--port N]]\n"
    "\n"
    "The campaign so far as one HTML page that needs no network: progress, gains, roofline, how "
    "far the\n"
    "judge can be trusted, and every attempt with its evidence and its change.\n"
    "  --out FILE   where to write it (default report.html; - is standard output)\n"
    "  --json       the data of the page instead, to standard output\n"
    "  --serve      serve it on the loopback, following the ledger and the try under way, until "
    "Ctrl-C\n"
    "  --port N     port to serve on (default 7295; 0: any that is free)\n"
    "Exit: 0, 2 usage, 3 no ledger here.\n";

static int page_serve(struct ratchet *r, const char *port)
{
    char *end = NULL;
    long n = port ? strtol(port, &end, 10) : REPORT_SERVE_PORT;

    if (port && (end == port || *end || n < 0 || n > UINT16_MAX))
        return err_set(ERR_USAGE, "--port %s: a number from 0 to %d", port, UINT16_MAX);
    return report_serve(r, (uint16_t)n, stdout);
}

enum { MANY_ROWS = 200 };

/* Some 15 ms a row: a long campaign takes a while. */
static void patience(struct ratchet *r)
{
    int64_t n = ledger_count(r->ledger);

    if (n > MANY_ROWS)
        fprintf(stderr, "reading %lld rows ...\n", (long long)n);
}

static int page_write(const json_t *data, const char *path)
{
    struct strbuf page = {0};
    bool to_stdout = strcmp(path, "-") == 0;
    int rc = report_page(data, &report_assets_built, false, &page);

    if (rc == 0 && !to_stdout)
        rc = file_write_atomic(path, page.data, page.len);
    else if (rc == 0 && (fwrite(page.data, 1, page.len, stdout) != page.len || fflush(stdout)))
        rc = err_set(ERR_IO, "standard output: %s; the page is not whole", strerror(errno));
    if (rc == 0 && !to_stdout)
        fprintf(stderr, "%s: %.1f MB\n", path, (double)page.len / 1e6);
    strbuf_deinit(&page);
    return rc;
}

static int report_write(struct ratchet *r, const char *path, bool json)
{
    struct report *report = NULL;
    json_t *data = NULL;
    int rc = report_open(r, &report);

    if (rc == 0)
        rc = report_data(report, &data);
    if (rc == 0 && json)
        cmd_json(json_incref(data));
    else if (rc == 0)
        rc = page_write(data, path ? path : "report.html");
    json_decref(data);
    report_close(&report);
    return rc;
}

int cmd_report(int argc, char **argv)
{
    const char *path = NULL, *port = NULL;
    bool json = false, serve = false;
    const struct cmd_arg args[] = {{"--out", "-o", &path, NULL},
                                   {"--json", NULL, NULL, &json},
                                   {"--serve", NULL, NULL, &serve},
                                   {"--port", NULL, &port, NULL},
                                   {NULL, NULL, NULL, NULL}};
    struct ratchet *r = NULL;
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    if (!!path + json + serve > 1 || (port && !serve)) {
        fprintf(stderr, "ratchet report: --out, --json and --serve exclude each other; --port "
                        "goes with --serve\n");
        return RATCHET_EXIT_USAGE;
    }
    rc = cmd_open(stderr, &r);
    if (rc == 0)
        patience(r);
    if (rc == 0)
        rc = serve ? page_serve(r, port) : report_write(r, path, json);
    ratchet_close(&r);
    return rc < 0 ? cmd_error(rc) : 0;
}
