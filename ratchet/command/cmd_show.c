/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"

#include "ratchet/try/controls.h"
#include "ratchet/try/record.h"
#include "ratchet/git/repo.h"
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

static int add_diff_line(const git_diff_delta *delta, const git_diff_hunk *hunk,
                         const git_diff_line *line, void *ctx)
{
    (void)delta;
    (void)hunk;
    if (line->origin == GIT_DIFF_LINE_CONTEXT || line->origin == GIT_DIFF_LINE_ADDITION ||
        line->origin == GIT_DIFF_LINE_DELETION)
        strbuf_add(ctx, &line->origin, 1);
    strbuf_add(ctx, line->content, line->content_len);
    return 0;
}

/* The change of the kernel as a patch; empty when the commits are not here. */
static void add_diff(struct ratchet *r, const struct ledger_row *row, struct strbuf *out)
{
    git_oid parent, attempt;
    git_tree *a = NULL, *b = NULL;
    git_diff *diff = NULL;

    if (git_oid_fromstr(&parent, row->parent) == 0 &&
        git_oid_fromstr(&attempt, row->attempt) == 0 && repo_tree_of(r->repo, &parent, &a) == 0 &&
        repo_tree_of(r->repo, &attempt, &b) == 0 &&
        git_diff_tree_to_tree(&diff, r->repo, a, b, NULL) == 0)
        git_diff_print(diff, GIT_DIFF_FORMAT_PATCH, add_diff_line, out);
    git_diff_free(diff);
    git_tree_free(a);
    git_tree_free(b);
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
                       const struct strbuf *diff)
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
    if (diff->len)
        printf("\n%s", diff->data);
}

static int show(struct ratchet *r, int64_t n, bool json)
{
    struct strbuf text = {0}, diff = {0};
    struct ledger_row row;
    json_t *details = NULL;
    int rc = ledger_find(r->ledger, n, &row);

    if (rc <= 0)
        return rc;
    rc = ledger_details(r->ledger, n, &text);
    if (rc == 1)
        details = json_loads(text.data, 0, NULL);
    add_diff(r, &row, &diff);
    if (json) {
        json_t *o = ledger_row_json(&row);
        char *patch = NULL;

        record_text(&patch, strbuf_str(&diff)); /* a kernel may hold bytes that are no UTF-8 */
        json_object_set_new(o, "record", details ? json_incref(details) : json_null());
        json_object_set_new(o, "diff", json_string(patch));
        free(patch);
        cmd_json(o);
    } else {
        print_text(&row, details, &diff);
    }
    json_decref(details);
    ledger_row_deinit(&row);
    strbuf_deinit(&text);
    strbuf_deinit(&diff);
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
