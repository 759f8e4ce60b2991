/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"

#include "ratchet/history/filter.h"
#include "ratchet/history/log_graph.h"
#include "ratchet/try/controls.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <string.h>

static const char usage[] =
    "usage: ratchet log [--json | --graph] [words that choose]\n"
    "\n"
    "Every experiment of the ledger, oldest first: number, date, verdict, how much faster with "
    "its\n"
    "95 % interval, score and hypothesis; last, what the rule promises about all of them "
    "together.\n"
    "--graph draws the line of wins as a trunk: the gain of each, of all wins together in the "
    "whole\n"
    "workload (a gain on a focus counts by its share), score; below each commit the attempts that\n"
    "were made against it.\n"
    "Words that choose (all that are given must hold; letters in either case):\n" CMD_FILTER_USAGE
    "With --case the column `faster` is about that case alone.\n"
    "Exit: 0, 2 usage, 3 no ledger here.\n";

/* What stands in the column `faster`: the row's own estimate, or that of one case. */
struct column {
    struct ledger *l;
    const char *case_name; /* NULL: the row's own */
    char text[80];
};

static int case_column(void *ctx, const struct ledger_case *c)
{
    struct column *column = ctx;

    if (strcmp(c->name, column->case_name) != 0)
        return 0;
    cmd_estimate(c->estimate, c->low, c->high, column->text, sizeof column->text);
    return 1;
}

static int print_line(void *ctx, const struct ledger_row *row)
{
    struct column *column = ctx;
    struct strbuf line = {0};
    char score[24] = "-";

    snprintf(column->text, sizeof column->text, "-");
    if (column->case_name)
        TRY(ledger_cases(column->l, row->experiment, case_column, column));
    else
        cmd_estimate(row->estimate, row->low, row->high, column->text, sizeof column->text);
    if (isfinite(row->score))
        snprintf(score, sizeof score, "%.4g", row->score);
    cmd_line(&line, row->hypothesis, 60);
    printable_printf(stdout, "%5lld  %.10s  %-16s %-28s %8s  %s\n", (long long)row->experiment,
                     row->time, row->verdict, column->text, score, strbuf_str(&line));
    strbuf_deinit(&line);
    return 0;
}

/* Nothing was promised about no attempt. */
static int print_campaign(struct ratchet *r)
{
    struct strbuf line = {0};
    int64_t n = controls_attempts(r->ledger);

    if (n > 0) {
        controls_campaign_line(n, &line);
        puts(line.data);
    }
    strbuf_deinit(&line);
    return n < 0 ? (int)n : 0;
}

static bool chooses(const struct filter_text *text)
{
    static const struct filter_text nothing;

    return memcmp(text, &nothing, sizeof nothing) != 0;
}

static int print_text(struct ratchet *r, const struct filter *filter, bool all)
{
    struct column column = {.l = r->ledger, .case_name = filter->case_name};
    int rc;

    if (r->doubt[0])
        printable_printf(stderr, "ratchet: %s\n", r->doubt);
    if (ledger_count(r->ledger) == 0 && !r->doubt[0])
        puts("no experiment yet; change a kernel file, then: ratchet try -m \"hypothesis\"");
    else
        printf("%5s  %-10s  %-16s %-28s %8s  %s\n", "n", "date", "verdict",
               "faster (95 % interval)", "score", "hypothesis");
    rc = filter_each(r->ledger, filter, print_line, &column);
    return rc == 0 && all ? print_campaign(r) : rc;
}

int cmd_log(int argc, char **argv)
{
    struct filter_text words = {0};
    bool json = false, graph = false;
    const struct cmd_arg args[] = {{"--json", NULL, NULL, &json},
                                   {"--graph", NULL, NULL, &graph},
                                   CMD_FILTER_ARGS(words),
                                   {NULL, NULL, NULL, NULL}};
    struct ratchet *r = NULL;
    struct filter filter;
    json_t *rows;
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    if (json && graph)
        return cmd_error(
            err_set(ERR_USAGE, "--graph is for people; --json has every row's parent"));
    rc = cmd_open(stderr, &r);
    if (rc == 0)
        rc = filter_parse(r->ledger, &words, &filter);
    if (rc == 0 && graph)
        rc = log_graph_print(r, &filter);
    else if (rc == 0 && !json)
        rc = print_text(r, &filter, !chooses(&words));
    else if (rc == 0 && (rc = filter_rows_json(r->ledger, &filter, &rows)) == 0)
        cmd_json(rows);
    ratchet_close(&r);
    return rc < 0 ? cmd_error(rc) : 0;
}
