/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"
#include "ratchet/audit/honesty.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"

static const char usage[] =
    "usage: ratchet audit [--json]\n"
    "       ratchet audit --cumulative [--units N] [--from N] [--features SET] "
    "[--json]\n"
    "       ratchet audit --replay N [--units N] [--json]\n"
    "\n"
    "Prove the ledger against itself and against git: hashes, numbers, "
    "detail records, results.tsv,\n"
    "attempt commits and their kernels, ratchet-log, wins and their "
    "trailers, seals. Says what it could\n"
    "prove, what it could not, and what is false, naming the row. Exit: 0 "
    "nothing false, 1 something is,\n"
    "2 usage, 3 cannot be read.\n"
    "\n"
    "--cumulative: do the wins add up? Measures HEAD's kernel against the "
    "first one (minutes; the\n"
    "machine to itself) and divides by the product of what the wins "
    "claimed, case by case. Exit: 0\n"
    "the ratio is within 0.9 .. 1.1, 1 it is not or it cannot be told, 3 not measurable here.\n"
    "\n"
    "  --units N       at most N units a stage (default: the rule's cap)\n"
    "  --from N        the first kernel is the one experiment N was tried "
    "on (default: the first)\n"
    "  --features SET  measure with scalar, avx2, avx512 or amx alone; wins "
    "on another path do not count\n"
    "\n"
    "--replay N: does experiment N's claim hold? Measures its attempt against what it was tried on "
    "again,\n"
    "with today's judge (minutes; the machine to itself). Nothing is recorded. Exit: 0 it holds, 1 "
    "it does\n"
    "not or it cannot be told, 3 not measurable here.\n";

static void print_list(const char *mark, const json_t *lines)
{
    size_t i;
    json_t *line;

    json_array_foreach(lines, i, line)
    {
        printable_printf(stdout, "  %-9s %s\n", mark, json_string_value(line));
    }
}

static int replay_run(const char *number, const char *units, bool json)
{
    int64_t n, n_units = 0;
    int rc = cmd_number("--replay", number, &n);

    if (rc == 0)
        rc = cmd_number("--units", units, &n_units);
    return rc < 0 ? cmd_error(rc) : cmd_replay(n, (uint32_t)n_units, json);
}

static int cumulative_options(const char *units, const char *from, struct honesty_options *o)
{
    int64_t n_units = 0;
    uint64_t features;

    TRY(cmd_number("--units", units, &n_units));
    TRY(cmd_number("--from", from, &o->from));
    o->max_units = (uint32_t)n_units;
    return o->features ? cpu_features_named(o->features, &features) : 0;
}

static int ledger_audit(bool json)
{
    struct ratchet *r = NULL;
    struct ratchet_audit a;
    int rc = cmd_open(stderr, &r);
    bool failed;

    if (rc == 0)
        rc = ratchet_audit(r, &a);
    ratchet_close(&r);
    if (rc < 0)
        return cmd_error(rc);
    failed = json_array_size(a.failed) > 0;
    if (json) {
        cmd_json(json_pack("{s:I, s:O, s:O, s:O, s:b}", "rows", (json_int_t)a.n_rows, "proved",
                           a.proved, "unproved", a.unproved, "failed", a.failed, "ok", !failed));
    } else {
        printf("audit of %lld rows: %s\n", (long long)a.n_rows, failed ? "FAILED" : "passed");
        print_list("failed", a.failed);
        print_list("proved", a.proved);
        print_list("unproved", a.unproved);
    }
    ratchet_audit_deinit(&a);
    return failed;
}

int cmd_audit(int argc, char **argv)
{
    struct honesty_options o = {0};
    const char *units = NULL, *from = NULL, *replay = NULL;
    bool json = false, cumulative = false;
    const struct cmd_arg args[] = {
        {"--json", NULL, NULL, &json},   {"--cumulative", NULL, NULL, &cumulative},
        {"--units", NULL, &units, NULL}, {"--replay", NULL, &replay, NULL},
        {"--from", NULL, &from, NULL},   {"--features", NULL, &o.features, NULL},
        {NULL, NULL, NULL, NULL}};
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    if (replay && (cumulative || from || o.features))
        return cmd_error(err_set(ERR_USAGE, "--replay goes with --units and --json alone"));
    if (replay)
        return replay_run(replay, units, json);
    if (cumulative) {
        rc = cumulative_options(units, from, &o);
        return rc < 0 ? cmd_error(rc) : cmd_honesty(&o, json);
    }
    if (units || from || o.features)
        return cmd_error(
            err_set(ERR_USAGE, "--units, --from and --features go with --cumulative or --replay"));
    return ledger_audit(json);
}
