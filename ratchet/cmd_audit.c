/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/cmd.h"

static const char usage[] = "usage: ratchet audit [--json]\n"
                            "\n"
                            "Prove the ledger against itself and against git: hashes, numbers, "
                            "detail records, results.tsv,\n"
                            "attempt commits and their kernels, ratchet-log, wins and their "
                            "trailers, seals. Says what it could\n"
                            "prove, what it could not, and what is false, naming the row. Exit: 0 "
                            "nothing false, 1 something is,\n"
                            "2 usage, 3 cannot be read.\n";

static void print_list(const char *mark, const json_t *lines)
{
    size_t i;
    json_t *line;

    json_array_foreach(lines, i, line)
    {
        printf("  %-9s %s\n", mark, json_string_value(line));
    }
}

int cmd_audit(int argc, char **argv)
{
    bool json = false;
    const struct cmd_arg args[] = {{"--json", NULL, NULL, &json}, {NULL, NULL, NULL, NULL}};
    struct ratchet *r = NULL;
    struct ratchet_audit a;
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    rc = cmd_open(stderr, &r);
    if (rc == 0)
        rc = ratchet_audit(r, &a);
    ratchet_close(&r);
    if (rc < 0)
        return cmd_error(rc);
    code = json_array_size(a.failed) ? 1 : 0;
    if (json) {
        cmd_json(json_pack("{s:I, s:O, s:O, s:O, s:b}", "rows", (json_int_t)a.n_rows, "proved",
                           a.proved, "unproved", a.unproved, "failed", a.failed, "ok", !code));
    } else {
        printf("audit of %lld rows: %s\n", (long long)a.n_rows, code ? "FAILED" : "passed");
        print_list("failed", a.failed);
        print_list("proved", a.proved);
        print_list("unproved", a.unproved);
    }
    ratchet_audit_deinit(&a);
    return code;
}
