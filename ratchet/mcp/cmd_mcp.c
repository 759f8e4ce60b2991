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
    "  --minutes M       refuse a try when tries have taken M minutes in this session\n"
    "  --author NAME     author of the experiments (default: what the client calls itself)\n"
    "\n"
    "Exit: 0 the client left, 2 usage, 3 no repository here.\n";

static const double MOST = 1e6; /* of what may be spent */

/* Into *out, when given. */
static int number_parse(const char *name, const char *text, double least, double *out)
{
    char *end;

    if (!text)
        return 0;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out >= least && *out <= MOST))
        return err_set(ERR_USAGE, "%s %s: say a number from %g to %g", name, text, least, MOST);
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
    double n_attempts = 0;
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    rc = number_parse("--attempts", attempts, 1, &n_attempts);
    if (rc == 0)
        rc = number_parse("--minutes", minutes, 0.01, &s.budget.minutes);
    if (rc == 0)
        rc = enter(folder);
    s.budget.attempts = (int64_t)n_attempts;
    if (rc == 0 && (double)s.budget.attempts != n_attempts)
        rc = err_set(ERR_USAGE, "--attempts %s: say a whole number", attempts);
    if (rc == 0)
        rc = cmd_open(stderr, &s.r);
    if (rc == 0)
        rc = mcp_serve(&s);
    ratchet_close(&s.r);
    return rc < 0 ? cmd_error(rc) : 0;
}
