/* SPDX-License-Identifier: Apache-2.0
 *
 * The program `ratchet`: one change in, a verdict out, the branch moves or the files go back. */
#include "ratchet/command/cmd.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"try", cmd_try, "judge the change in this working tree; commit a win, undo the rest"},
    {"log", cmd_log, "every experiment so far, or those that some words choose"},
    {"show", cmd_show, "one experiment with its evidence and its diff"},
    {"blame", cmd_blame, "which experiment each line of the kernel comes from, and what it gained"},
    {"bisect", cmd_bisect, "where a case got slower or faster, by the ledger or by measuring"},
    {"diff", cmd_diff, "what changed in the kernel between two attempts or commits"},
    {"export", cmd_export, "rows of the ledger, or their cases, as TSV, CSV or JSON lines"},
    {"audit", cmd_audit, "prove the ledger against itself and against git"},
    {"search", cmd_search, "move the TUNABLEs of the kernel by grid, chance, model or evolution"},
    {"agent", cmd_agent, "let an agent change the kernel, again and again"},
    {"report", cmd_report, "the campaign as one HTML page; --serve keeps it live"},
    {"watch", cmd_watch, "a run as it happens, in the terminal"},
    {"status", cmd_status, "HEAD, last experiment, pending work, changed files, judge, machine"},
    {"checkpoint", cmd_checkpoint, "let the branch carry every attempt, without a win"},
    {"recover", cmd_recover, "finish what an interrupted command left"},
    {"lessons", cmd_lessons, "which idea fits which symptom, and what the attempts say of it"},
    {"mcp", cmd_mcp, "serve an agent over the Model Context Protocol"},
    {"init", cmd_init, "make a git repository a ratchet of its own problem"},
    {"--problem", cmd_problem, "DIR COMMAND...: a command with the judge of the problem in DIR"},
};

static void print_help(FILE *to)
{
    fprintf(to, "usage: ratchet COMMAND [OPTIONS]\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].what);
    fprintf(to, "\n`ratchet COMMAND --help` says more.\n");
}

/* What a full disk or a closed pipe swallowed is no result. */
static int finish(int code)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || code == RATCHET_EXIT_UNABLE)
        return code;
    fprintf(stderr, "ratchet: stdout could not be written (is the disk full?); what was done is "
                    "done: `ratchet status`\n");
    return RATCHET_EXIT_UNABLE;
}

static int run(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                     strcmp(argv[1], "help") == 0)) {
        print_help(stdout);
        return 0;
    }
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (argc > 1)
        fprintf(stderr, "ratchet: there is no command %s\n", argv[1]);
    print_help(stderr);
    return RATCHET_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    signal(SIGCHLD,
           SIG_DFL); /* whoever started us may ignore it; compilers and workers are waited for */
    return finish(run(argc, argv));
}
