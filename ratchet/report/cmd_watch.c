/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"

#include "ratchet/report/watch.h"
#include "ratchet/try/progress.h"

#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: ratchet watch [--lines | --json]\n"
    "\n"
    "A run as it happens: the try under way with its stage, its units and its time, and the last "
    "attempts.\n"
    "Draws on the whole terminal (q ends); a line for each step where standard output is none.\n"
    "  --lines   lines, on a terminal too\n"
    "  --json    a JSON object a line: steps ({\"event\": \"step\", ...}) and rows\n"
    "Exit: 0 when ended by q, Ctrl-C or SIGTERM, 2 usage, 3 no ledger here.\n";

volatile sig_atomic_t watch_ended;

static void on_signal(int number)
{
    (void)number;
    watch_ended = 1;
}

int watch_look(struct watch *w)
{
    int64_t n = ledger_count(w->r->ledger);
    int rc;

    if (n < 0)
        return (int)n;
    w->n_rows = n;
    json_decref(w->progress);
    w->progress = NULL;
    progress_read(w->r->store, &w->progress);
    w->pending = 0;
    w->pending_state[0] = '\0';
    rc = ledger_state_pending(w->r->ledger, &w->pending, w->pending_state);
    return rc < 0 ? rc : 0;
}

void watch_deinit(struct watch *w)
{
    json_decref(w->progress);
}

int cmd_watch(int argc, char **argv)
{
    struct sigaction act = {.sa_handler = on_signal};
    bool lines = false, json = false;
    const struct cmd_arg args[] = {
        {"--lines", NULL, NULL, &lines}, {"--json", NULL, NULL, &json}, {NULL, NULL, NULL, NULL}};
    struct watch w = {0};
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    rc = cmd_open(stderr, &w.r);
    if (rc == 0)
        rc = watch_look(&w);
    if (rc == 0)
        rc = json || lines || !isatty(STDOUT_FILENO) ? watch_lines(&w, json) : watch_screen(&w);
    watch_deinit(&w);
    ratchet_close(&w.r);
    return rc < 0 ? cmd_error(rc) : 0;
}
