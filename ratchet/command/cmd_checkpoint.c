/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"

static const char checkpoint_usage[] = "usage: ratchet checkpoint\n"
                                       "\n"
                                       "Join the ratchet-log to this branch without a win, so that "
                                       "the branch carries every attempt to\n"
                                       "whoever clones it. The commit changes ledger/results.tsv "
                                       "alone. Exit: 0, 2 usage, 3 not possible.\n";

static const char recover_usage[] =
    "usage: ratchet recover\n"
    "\n"
    "Finish or roll back what an interrupted command left. Every command that writes does this "
    "first.\n"
    "Exit: 0 nothing is pending any more, 2 usage, 3 not possible.\n";

static const struct cmd_arg no_args[] = {{NULL, NULL, NULL, NULL}};

int cmd_checkpoint(int argc, char **argv)
{
    char id[GIT_OID_HEXSZ + 1] = "";
    struct ratchet *r = NULL;
    int code = cmd_parse(argc, argv, no_args, checkpoint_usage), rc;

    if (code != CMD_GO)
        return code;
    rc = cmd_open(stderr, &r);
    if (rc == 0)
        rc = ratchet_checkpoint(r, id);
    ratchet_close(&r);
    if (rc < 0)
        return cmd_error(rc);
    if (rc)
        printf("checkpoint: the branch is at %.12s and carries every experiment\n", id);
    else
        puts("checkpoint: the branch carries every experiment already");
    return 0;
}

int cmd_recover(int argc, char **argv)
{
    struct ratchet *r = NULL;
    int code = cmd_parse(argc, argv, no_args, recover_usage), rc;

    if (code != CMD_GO)
        return code;
    rc = cmd_open(stderr, &r);
    if (rc == 0)
        rc = ratchet_begin(r);
    ratchet_close(&r);
    if (rc < 0)
        return cmd_error(rc);
    puts("nothing is pending");
    return 0;
}
