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
int cmd_status(int argc, char **argv);
int cmd_checkpoint(int argc, char **argv);
int cmd_recover(int argc, char **argv);

/* audit --cumulative. */
struct honesty_options;
int cmd_honesty(const struct honesty_options *o, bool json);

/* --- shared by them --- */

/* A parsed option: flag (value NULL) or one with a value. `args` ends at name NULL. */
struct cmd_arg {
    const char *name;   /* "--json"; NULL for the positional argument */
    const char *alias;  /* "-m" or NULL */
    const char **value; /* where a value goes; NULL for a flag */
    bool *flag;
};
enum { CMD_GO = -1 };

/* Fill in options; at most one positional argument, to the entry whose name is "". Returns CMD_GO,
 * or an exit code after --help (printed to stdout) or a usage error. */
int cmd_parse(int argc, char **argv, const struct cmd_arg *args, const char *usage);

/* Print err_message() as "ratchet: ..." and give the exit code for `rc`. */
int cmd_error(int rc);

/* Open the repository around the current folder with the native judge. */
int cmd_open(FILE *say, struct ratchet **out);

/* Percent of a log ratio with its interval: "+3.21 % (+1.02 .. +5.44)", "-" when not measured. */
void cmd_estimate(double estimate, double low, double high, char *out, size_t bytes);

/* Print JSON with a newline to stdout; decrefs it. */
void cmd_json(json_t *json);

/* Text on one line: tabs and newlines become spaces, at most `columns` characters (0: all). */
void cmd_line(struct strbuf *out, const char *text, size_t columns);

/* What `status --json` prints; the caller decrefs. */
json_t *cmd_status_json(struct ratchet *r);

/* The evidence of one row, as `try` and `show` print it. */
void cmd_print_row(FILE *to, const struct ledger_row *row, const json_t *details);

#endif
