/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"

#include "ratchet/history/kernel_diff.h"
#include "ratchet/try/controls.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: ratchet show N [--asm] [--json]\n"
    "\n"
    "Everything the ledger knows about experiment N: verdict, evidence, intervals, the cases, what "
    "was\n"
    "seen, what to look at next, the profile of its code where profiles/ has one, and the change "
    "of\n"
    "the kernel. --asm: what the compiler made of the change, too (compiles both sides, some 20 s "
    "each\n"
    "unless the judge has kept the object; `ratchet diff --help` says how to read it).\n"
    "Exit: 0, 1 no such experiment, 2 usage, 3 no ledger here.\n";

/* What there is to show beside the row and its record. */
struct shown {
    struct ledger_row row;
    json_t *details;          /* NULL: the ledger has none */
    struct history_diff diff; /* empty where its commits are not here, or it changed nothing */
    struct strbuf no_diff;    /* why there is none */
    struct strbuf profile;    /* summary.md of its code */
    char profile_path[64];
};

static int details_read(struct ratchet *r, struct shown *s)
{
    struct strbuf text = {0};
    int rc = ledger_details(r->ledger, s->row.experiment, &text);

    if (rc == 1)
        s->details = json_loads(text.data, 0, NULL);
    strbuf_deinit(&text);
    return rc < 0 ? rc : 0;
}

static int diff_read(struct ratchet *r, struct shown *s)
{
    char base[32], attempt[32];
    int rc;

    if (strcmp(s->row.verdict, LEDGER_SEAL) == 0)
        return 0;
    snprintf(base, sizeof base, "%lld^", (long long)s->row.experiment);
    snprintf(attempt, sizeof attempt, "%lld", (long long)s->row.experiment);
    rc = history_diff(r, base, attempt, &s->diff);
    if (rc != ERR_CONFLICT)
        return rc;
    strbuf_addf(&s->no_diff, "%s", err_message());
    return 0;
}

/* Where `judge profile` was run on this code. */
static void profile_read(struct ratchet *r, struct shown *s)
{
    struct strbuf path = {0};

    snprintf(s->profile_path, sizeof s->profile_path, "profiles/%.12s/summary.md", s->row.code_key);
    strbuf_addf(&path, "%s%s", r->root, s->profile_path);
    if (s->row.code_key[0] && access(path.data, R_OK) == 0)
        file_read(path.data, &s->profile);
    strbuf_deinit(&path);
}

static void shown_deinit(struct shown *s)
{
    ledger_row_deinit(&s->row);
    json_decref(s->details);
    history_diff_deinit(&s->diff);
    strbuf_deinit(&s->no_diff);
    strbuf_deinit(&s->profile);
}

/* --- for people --- */

/* What the compiler or the inspection of the object said of a kernel that was refused. */
static void print_build_log(const json_t *details)
{
    const char *log =
        json_string_value(json_object_get(json_object_get(details, "judge"), "build_log"));

    if (log && *log)
        printable_printf(stdout, "\n%s%s", log, log[strlen(log) - 1] == '\n' ? "" : "\n");
}

static void print_text(const struct shown *s)
{
    const struct ledger_row *row = &s->row;
    const char *next = json_string_value(json_object_get(s->details, "next"));
    const json_t *held = json_object_get(s->details, "calibration");
    struct strbuf calibration = {0};

    cmd_print_row(stdout, row, s->details);
    if (next && *next)
        printable_printf(stdout, "  next       %s\n", next);
    if (strlen(row->hypothesis) > 100 || strchr(row->hypothesis, '\n'))
        printable_printf(stdout, "\n%s\n\n", row->hypothesis);
    printable_printf(stdout, "  when       %s, by %s", row->time, row->author);
    if (row->seconds > 0)
        printable_printf(stdout, ", %.1f s", row->seconds);
    printable_printf(stdout, "\n  commits    attempt %.12s on %.12s\n", row->attempt,
                     row->parent[0] ? row->parent : "-");
    printable_printf(stdout, "  kernel     %.16s   code key %.16s\n",
                     row->kernel[0] ? row->kernel : "-", row->code_key[0] ? row->code_key : "-");
    printable_printf(stdout, "  judge      %.16s   seeds %s\n", row->judge,
                     row->seeds[0] ? row->seeds : "-");
    printable_printf(stdout, "  machine    %s\n  compiler   %s\n", row->machine, row->compiler);
    if (held) {
        controls_line(held, &calibration);
        printable_printf(stdout, "  calibrated %s\n", calibration.data);
        strbuf_deinit(&calibration);
    }
    printable_printf(stdout, "  row        %s\n", row->hash);
    if (isnan(row->estimate))
        print_build_log(s->details);
    if (s->profile.len)
        printable_printf(stdout, "\n%s:\n%s", s->profile_path, s->profile.data);
    if (s->no_diff.len)
        printable_printf(stdout, "  no diff    %s\n", s->no_diff.data);
    if (s->diff.patch.len) {
        putchar('\n');
        printable_write(stdout, s->diff.patch.data, s->diff.patch.len);
    }
}

/* --- for programs --- */

static json_t *shown_json(const struct shown *s)
{
    json_t *o = ledger_row_json(&s->row);

    json_object_set_new(o, "record", s->details ? json_incref(s->details) : json_null());
    record_set_text(o, "diff", strbuf_str(&s->diff.patch)); /* a kernel may hold any bytes */
    if (s->no_diff.len)
        record_set_text(o, "no_diff", s->no_diff.data);
    if (s->profile.len)
        record_set_text(o, "profile", s->profile.data);
    return o;
}

/* --- both --- */

/* The compiled change, where there are two kernels that build; otherwise why not. */
static int assembly_show(struct ratchet *r, const struct shown *s, json_t *into)
{
    json_t *functions = NULL;
    int rc;

    if (!s->diff.n_files)
        return 0;
    if (!into)
        putchar('\n');
    rc = cmd_assembly(r, &s->diff.a, &s->diff.b, false, into ? &functions : NULL);
    if (functions)
        json_object_set_new(into, "assembly", functions);
    if (rc != ERR_CONFLICT)
        return rc;
    if (into)
        record_set_text(into, "no_assembly", err_message());
    else
        printable_printf(stdout, "  no assembly  %s\n", err_message());
    return 0;
}

static int show(struct ratchet *r, int64_t n, bool assembly, bool json)
{
    struct shown s = {0};
    json_t *o = NULL;
    int rc = ledger_find(r->ledger, n, &s.row);

    if (rc <= 0)
        return rc;
    rc = details_read(r, &s);
    if (rc == 0)
        rc = diff_read(r, &s);
    profile_read(r, &s);
    if (rc == 0 && json)
        o = shown_json(&s);
    else if (rc == 0)
        print_text(&s);
    if (rc == 0 && assembly)
        rc = assembly_show(r, &s, o);
    if (rc == 0 && o)
        cmd_json(json_incref(o));
    json_decref(o);
    shown_deinit(&s);
    return rc < 0 ? rc : 1;
}

int cmd_show(int argc, char **argv)
{
    const char *number = NULL;
    bool json = false, assembly = false;
    const struct cmd_arg args[] = {{"", NULL, &number, NULL},
                                   {"--asm", NULL, NULL, &assembly},
                                   {"--json", NULL, NULL, &json},
                                   {NULL, NULL, NULL, NULL}};
    struct ratchet *r = NULL;
    int code = cmd_parse(argc, argv, args, usage), rc;
    char *end = NULL;
    int64_t n;

    if (code != CMD_GO)
        return code;
    n = number ? strtoll(number, &end, 10) : 0;
    if (n < 1 || *end) {
        fprintf(stderr, "ratchet show: which experiment? a number from `ratchet log`\n%s", usage);
        return RATCHET_EXIT_USAGE;
    }
    rc = cmd_open(stderr, &r);
    if (rc == 0) {
        rc = show(r, n, assembly, json);
        if (rc == 0)
            fprintf(stderr, "ratchet: there is no experiment %lld; the last is %lld\n",
                    (long long)n, (long long)ledger_count(r->ledger));
        code = rc == 0 ? RATCHET_EXIT_NO_WIN : 0;
    }
    ratchet_close(&r);
    return rc < 0 ? cmd_error(rc) : code;
}
