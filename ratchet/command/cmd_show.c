/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"

#include "ratchet/history/kernel_diff.h"
#include "ratchet/try/controls.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: ratchet show N [--json]\n"
                            "\n"
                            "Everything the ledger knows about experiment N: verdict, evidence, "
                            "intervals, the cases, what was\n"
                            "seen, what to look at next, and the change of the kernel. Exit: 0, 1 "
                            "no such experiment, 2 usage,\n"
                            "3 no ledger here.\n";

/* The change of the kernel as a patch. Where its commits are not here *why says so. */
static int add_diff(struct ratchet *r, const struct ledger_row *row, struct strbuf *out,
                    struct strbuf *why)
{
    char base[32], attempt[32];
    struct history_diff diff;
    int rc;

    if (strcmp(row->verdict, LEDGER_SEAL) == 0)
        return 0;
    snprintf(base, sizeof base, "%lld^", (long long)row->experiment);
    snprintf(attempt, sizeof attempt, "%lld", (long long)row->experiment);
    rc = history_diff(r, base, attempt, &diff);
    if (rc == ERR_CONFLICT)
        strbuf_addf(why, "%s", err_message());
    else
        strbuf_add(out, strbuf_str(&diff.patch), diff.patch.len);
    history_diff_deinit(&diff);
    return rc == ERR_CONFLICT ? 0 : rc;
}

/* What the compiler or the inspection of the object said of a kernel that was refused. */
static void print_build_log(const json_t *details)
{
    const char *log =
        json_string_value(json_object_get(json_object_get(details, "judge"), "build_log"));

    if (log && *log)
        printf("\n%s%s", log, log[strlen(log) - 1] == '\n' ? "" : "\n");
}

static void print_text(const struct ledger_row *row, const json_t *details,
                       const struct strbuf *diff, const struct strbuf *no_diff)
{
    const char *next = json_string_value(json_object_get(details, "next"));
    const json_t *held = json_object_get(details, "calibration");
    struct strbuf calibration = {0};

    cmd_print_row(stdout, row, details);
    if (next && *next)
        printf("  next       %s\n", next);
    if (strlen(row->hypothesis) > 100 || strchr(row->hypothesis, '\n'))
        printf("\n%s\n\n", row->hypothesis);
    printf("  when       %s, by %s", row->time, row->author);
    if (row->seconds > 0)
        printf(", %.1f s", row->seconds);
    printf("\n  commits    attempt %.12s on %.12s\n", row->attempt,
           row->parent[0] ? row->parent : "-");
    printf("  kernel     %.16s   code key %.16s\n", row->kernel[0] ? row->kernel : "-",
           row->code_key[0] ? row->code_key : "-");
    printf("  judge      %.16s   seeds %s\n", row->judge, row->seeds[0] ? row->seeds : "-");
    printf("  machine    %s\n  compiler   %s\n", row->machine, row->compiler);
    if (held) {
        controls_line(held, &calibration);
        printf("  calibrated %s\n", calibration.data);
        strbuf_deinit(&calibration);
    }
    printf("  row        %s\n", row->hash);
    if (isnan(row->estimate))
        print_build_log(details);
    if (no_diff->len)
        printf("  no diff    %s\n", no_diff->data);
    if (diff->len)
        printf("\n%s", diff->data);
}

static void print_json(const struct ledger_row *row, const json_t *details,
                       const struct strbuf *diff, const struct strbuf *no_diff)
{
    json_t *o = ledger_row_json(row);

    json_object_set_new(o, "record", details ? json_deep_copy(details) : json_null());
    record_set_text(o, "diff", strbuf_str(diff)); /* a kernel may hold bytes that are no UTF-8 */
    if (no_diff->len)
        record_set_text(o, "no_diff", no_diff->data);
    cmd_json(o);
}

static int show(struct ratchet *r, int64_t n, bool json)
{
    struct strbuf text = {0}, diff = {0}, no_diff = {0};
    struct ledger_row row;
    json_t *details = NULL;
    int rc = ledger_find(r->ledger, n, &row);

    if (rc <= 0)
        return rc;
    rc = ledger_details(r->ledger, n, &text);
    if (rc == 1)
        details = json_loads(text.data, 0, NULL);
    if (rc >= 0)
        rc = add_diff(r, &row, &diff, &no_diff);
    if (rc >= 0 && json)
        print_json(&row, details, &diff, &no_diff);
    else if (rc >= 0)
        print_text(&row, details, &diff, &no_diff);
    json_decref(details);
    ledger_row_deinit(&row);
    strbuf_deinit(&text);
    strbuf_deinit(&diff);
    strbuf_deinit(&no_diff);
    return rc < 0 ? rc : 1;
}

int cmd_show(int argc, char **argv)
{
    const char *number = NULL;
    bool json = false;
    const struct cmd_arg args[] = {
        {"", NULL, &number, NULL}, {"--json", NULL, NULL, &json}, {NULL, NULL, NULL, NULL}};
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
        rc = show(r, n, json);
        if (rc == 0)
            fprintf(stderr, "ratchet: there is no experiment %lld; the last is %lld\n",
                    (long long)n, (long long)ledger_count(r->ledger));
        code = rc == 0 ? RATCHET_EXIT_NO_WIN : 0;
    }
    ratchet_close(&r);
    return rc < 0 ? cmd_error(rc) : code;
}
