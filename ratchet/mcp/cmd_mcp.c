/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/mcp/mcp_server.h"

#include "reference/base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: ratchet mcp [--repository DIR] [--attempts N] [--minutes M] [--author NAME]\n"
    "\n"
    "A Model Context Protocol server on stdin and stdout, for an agent's client to start: tools "
    "to\n"
    "read the kernel, propose one change, check and try it, profile, and look things up in the "
    "ledger.\n"
    "It ends when the client leaves; an experiment that runs then is ended, and recorded as "
    "interrupted.\n"
    "\n"
    "  --repository DIR  the repository (default: the one around the current folder)\n"
    "  --attempts N      refuse more than N tries in this session\n"
    "  --minutes M       refuse a try when tries have taken M minutes in this session (their time "
    "in "
    "the\n"
    "                    queue does not count)\n"
    "  --author NAME     author of the experiments (default: what the client calls itself)\n"
    "\n"
    "Exit: 0 the client left, 2 usage, 3 no repository here.\n";

static const double MINUTES_LEAST = 0.01, MINUTES_MOST = 1e6;

static int minutes_parse(const char *text, double *out)
{
    char *end;

    if (!text)
        return 0;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out >= MINUTES_LEAST && *out <= MINUTES_MOST))
        return err_set(ERR_USAGE, "--minutes %s: say a number from %g to %g", text, MINUTES_LEAST,
                       MINUTES_MOST);
    return 0;
}

static int enter(const char *folder)
{
    if (folder && chdir(folder))
        return err_set(ERR_USAGE, "--repository %s: %s", folder, strerror(errno));
    return 0;
}

int cmd_mcp(int argc, char **argv)
{
    const char *folder = NULL, *attempts = NULL, *minutes = NULL;
    struct mcp_server s = {0};
    const struct cmd_arg args[] = {{"--repository", NULL, &folder, NULL},
                                   {"--attempts", NULL, &attempts, NULL},
                                   {"--minutes", NULL, &minutes, NULL},
                                   {"--author", NULL, &s.author, NULL},
                                   {NULL, NULL, NULL, NULL}};
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    rc = cmd_number("--attempts", attempts, &s.budget.attempts);
    if (rc == 0)
        rc = minutes_parse(minutes, &s.budget.minutes);
    if (rc == 0)
        rc = enter(folder);
    if (rc == 0)
        rc = cmd_open(stderr, &s.r);
    if (rc == 0)
        rc = mcp_serve(&s);
    ratchet_close(&s.r);
    return rc < 0 ? cmd_error(rc) : 0;
}
