/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/history/export.h"

static const char usage[] =
    "usage: ratchet export [--format tsv|csv|jsonl] [--cases] [words that choose]\n"
    "\n"
    "Rows of the ledger for other programs, oldest first, on stdout.\n"
    "\n"
    "  --format F      tsv (the default): as ledger/results.tsv; csv: RFC 4180, a text that a\n"
    "                  spreadsheet would take for a formula gets a ' in front; jsonl: an object\n"
    "                  a line\n"
    "  --cases         a record for each case that a row measured, instead of one for the row\n"
    "Words that choose (all that are given must hold; letters in either case):\n" CMD_FILTER_USAGE
    "Exit: 0, 2 usage, 3 no ledger here, or stdout cannot be written.\n";

int cmd_export(int argc, char **argv)
{
    struct filter_text words = {0};
    const char *name = "tsv";
    enum export_format format;
    bool cases = false;
    const struct cmd_arg args[] = {{"--format", NULL, &name, NULL},
                                   {"--cases", NULL, NULL, &cases},
                                   CMD_FILTER_ARGS(words),
                                   {NULL, NULL, NULL, NULL}};
    struct ratchet *r = NULL;
    struct filter filter;
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    rc = export_format_parse(name, &format);
    if (rc == 0)
        rc = cmd_open(stderr, &r);
    if (rc == 0)
        rc = filter_parse(r->ledger, &words, &filter);
    if (rc == 0)
        rc = export_write(r->ledger, &filter, format, cases, stdout);
    ratchet_close(&r);
    return rc < 0 ? cmd_error(rc) : 0;
}
