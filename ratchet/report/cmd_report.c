/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"

#include "ratchet/report/report_data.h"
#include "ratchet/report/report_page.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <string.h>

static const char usage[] =
    "usage: ratchet report [--out FILE | --json]\n"
    "\n"
    "The campaign so far as one HTML page that needs no network: progress, gains, roofline, how "
    "far the\n"
    "judge can be trusted, and every attempt with its evidence and its diff.\n"
    "  --out FILE   where to write it (default report.html; - is standard output)\n"
    "  --json       the data of the page instead, to standard output\n"
    "Exit: 0, 2 usage, 3 no ledger here.\n";

static int page_write(const json_t *data, const char *path)
{
    struct strbuf page = {0};
    int rc = report_page(data, &report_assets_built, false, &page);

    if (rc == 0 && strcmp(path, "-") == 0)
        fwrite(page.data, 1, page.len, stdout);
    else if (rc == 0)
        rc = file_write_atomic(path, page.data, page.len);
    if (rc == 0 && strcmp(path, "-") != 0)
        fprintf(stderr, "%s: %.1f MB\n", path, (double)page.len / 1e6);
    strbuf_deinit(&page);
    return rc;
}

int cmd_report(int argc, char **argv)
{
    const char *path = NULL;
    bool json = false;
    const struct cmd_arg args[] = {
        {"--out", "-o", &path, NULL}, {"--json", NULL, NULL, &json}, {NULL, NULL, NULL, NULL}};
    struct report *report = NULL;
    struct ratchet *r = NULL;
    json_t *data = NULL;
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    rc = cmd_open(stderr, &r);
    if (rc == 0)
        rc = report_open(r, &report);
    if (rc == 0)
        rc = report_data(report, &data);
    if (rc == 0 && json)
        cmd_json(json_incref(data));
    else if (rc == 0)
        rc = page_write(data, path ? path : "report.html");
    json_decref(data);
    report_close(&report);
    ratchet_close(&r);
    return rc < 0 ? cmd_error(rc) : 0;
}
