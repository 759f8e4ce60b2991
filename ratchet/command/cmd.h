/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd.h: the subcommands of the program `ratchet`, one function each: argv[0] is the subcommand's
 * own name, the result is the exit code. Results go to stdout, progress and errors to stderr. */
#ifndef PAWL_RATCHET_CMD_H
#define PAWL_RATCHET_CMD_H

#include "ratchet/ratchet.h"

int cmd_try(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_agent(int argc, char **argv);
int cmd_search(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_checkpoint(int argc, char **argv);
int cmd_recover(int argc, char **argv);
int cmd_lessons(int argc, char **argv);
int cmd_mcp(int argc, char **argv);
int cmd_init(int argc, char **argv);

/* `ratchet --problem DIR ...`: argv[1] is DIR. */
int cmd_problem(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_blame(int argc, char **argv);
int cmd_bisect(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_watch(int argc, char **argv);

/* audit --cumulative. */
struct honesty_options;
int cmd_honesty(const struct honesty_options *o, bool json);

/* audit --replay. */
int cmd_replay(int64_t n, uint32_t max_units, bool json);

/* show --asm and diff --asm: compile both kernels and print what changed in the compiled functions
 * (`stat`: their names and sizes alone), or with `json` not NULL make that JSON of it. */
struct revision;
int cmd_assembly(struct ratchet *r, const struct revision *a, const struct revision *b, bool stat,
                 json_t **json);

/* --- shared by them --- */

/* A parsed option: flag (value NULL) or one with a value. `args` ends at name NULL. */
struct cmd_arg {
    const char *name;   /* "--json"; "" for a positional argument */
    const char *alias;  /* "-m" or NULL */
    const char **value; /* where a value goes; NULL for a flag */
    bool *flag;
};
enum { CMD_GO = -1 };

/* Fill in options; positional arguments go to the entries whose name is "", in order. Returns CMD_GO,
 * or an exit code after --help (printed to stdout) or a usage error. */
int cmd_parse(int argc, char **argv, const struct cmd_arg *args, const char *usage);

/* A number from 1 to UINT32_MAX; *out stays for NULL. ERR_USAGE naming the option otherwise. */
int cmd_number(const char *name, const char *text, int64_t *out);

/* The options that choose rows (history/filter.h), for the tables of several commands, and what
 * --help says of them; `t` is a struct filter_text. */
#define CMD_FILTER_ARGS(t)                                                                         \
    {"--verdict", NULL, &(t).verdict, NULL}, {"--op", NULL, &(t).op, NULL},                        \
        {"--case", NULL, &(t).case_name, NULL}, {"--author", NULL, &(t).author, NULL},             \
        {"--grep", NULL, &(t).grep, NULL}, {"--machine", NULL, &(t).machine, NULL},                \
        {"--since", NULL, &(t).since, NULL}, {"--until", NULL, &(t).until, NULL},                  \
        {"--last", NULL, &(t).last, NULL},                                                         \
    {                                                                                              \
        "--epoch", NULL, &(t).epoch, NULL                                                          \
    }
#define CMD_FILTER_USAGE                                                                           \
    "  --verdict A,B   with one of these verdicts: WIN, LOSS, ..., SEAL\n"                         \
    "  --op OP         that concern an operation: focused on it, clearly faster or slower in a\n"  \
    "                  case of it (by more than 1 %), or failed in one\n"                          \
    "  --case NAME     the same for one case\n"                                                    \
    "  --author TEXT   whose author has TEXT in the name\n"                                        \
    "  --grep TEXT     with TEXT in hypothesis or reason\n"                                        \
    "  --machine TEXT  with TEXT in the machine's line\n"                                          \
    "  --since DATE    from 2026-01-31 or 2026-01-31T23:59:59Z (UTC) on\n"                         \
    "  --until DATE    up to it, its day included\n"                                               \
    "  --last N        the last N of those\n"                                                      \
    "  --epoch N       judged by the Nth judge, or by the `last`\n"

/* Print err_message() as "ratchet: ..." and give the exit code for `rc`. */
int cmd_error(int rc);

/* Open the repository around the current folder with the native judge. */
int cmd_open(FILE *say, struct ratchet **out);

/* Percent of a log ratio with its interval: "+3.21 % (+1.02 .. +5.44)", "-" when not measured. */
void cmd_estimate(double estimate, double low, double high, char *out, size_t bytes);

/* The same of a sum (audit/honesty.h), and as JSON: [mean, low, high], null when not measured. */
struct honesty_sum;
void cmd_sum(const struct honesty_sum *s, char out[80]);
json_t *cmd_sum_json(const struct honesty_sum *s);

/* Print JSON with a newline to stdout; decrefs it. */
void cmd_json(json_t *json);

/* Text on one line: control characters become spaces, at most `columns` characters (0: all). */
void cmd_line(struct strbuf *out, const char *text, size_t columns);

/* What `status --json` prints; the caller decrefs. */
json_t *cmd_status_json(struct ratchet *r);

/* The evidence of one row, as `try` and `show` print it. */
void cmd_print_row(FILE *to, const struct ledger_row *row, const json_t *details);

#endif
