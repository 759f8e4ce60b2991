/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"

#include "ratchet/init/source_tree.h"
#include "reference/base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: ratchet --problem DIR COMMAND [OPTIONS]\n"
    "\n"
    "Run a command as if started in DIR, with the judge of the problem that DIR/reference/ "
    "defines:\n"
    "it is linked in Pawl's source tree first where that is needed (make PROBLEM=DIR). COMMAND is "
    "one\n"
    "of ratchet's, or `judge` with a command of the judge: ratchet --problem DIR judge check.\n";

static int run(const char *dir, char **command)
{
    char tree[PATH_MAX], folder[PATH_MAX], programs[PATH_MAX], path[PATH_MAX + 16];
    bool judge = strcmp(command[0], "judge") == 0;

    if (!realpath(dir, folder))
        return err_set(ERR_IO, "--problem %s: %s", dir, strerror(errno));
    TRY(source_tree_find(tree));
    TRY(source_tree_build(tree, folder, stderr, programs));
    if (chdir(folder) < 0)
        return err_set(ERR_IO, "%s: %s", folder, strerror(errno));
    snprintf(path, sizeof path, "%s/%s", programs, judge ? "judge" : "ratchet");
    if (!judge)
        *--command = "ratchet";
    execv(path, command);
    return err_set(ERR_IO, "%s: %s", path, strerror(errno));
}

int cmd_problem(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc < 3) {
        fputs(usage, stderr);
        return RATCHET_EXIT_USAGE;
    }
    return cmd_error(run(argv[1], argv + 2));
}
