/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"

#include "judge/rule/rule.h"
#include "ratchet/audit/honesty.h"
#include "ratchet/printable.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct cmd_arg *arg_find(const struct cmd_arg *args, const char *text)
{
    for (const struct cmd_arg *a = args; a->name; a++)
        if (strcmp(a->name, text) == 0 || (a->alias && strcmp(a->alias, text) == 0))
            return a;
    return NULL;
}

/* The next positional argument that has no value yet. */
static const struct cmd_arg *place_find(const struct cmd_arg *args)
{
    for (const struct cmd_arg *a = args; a->name; a++)
        if (!a->name[0] && !*a->value)
            return a;
    return NULL;
}

static int usage_error(const char *what, const char *arg, const char *usage)
{
    fprintf(stderr, "ratchet: %s: %s\n%s", arg, what, usage);
    return RATCHET_EXIT_USAGE;
}

int cmd_parse(int argc, char **argv, const struct cmd_arg *args, const char *usage)
{
    for (int i = 1; i < argc; i++) {
        const struct cmd_arg *a;

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        a = argv[i][0] == '-' ? arg_find(args, argv[i]) : NULL;
        if (argv[i][0] == '-' && !a)
            return usage_error("no such option", argv[i], usage);
        if (!a) {
            a = place_find(args);
            if (!a)
                return usage_error("one argument too many", argv[i], usage);
            *a->value = argv[i];
        } else if (a->flag) {
            *a->flag = true;
        } else if (++i < argc) {
            *a->value = argv[i];
        } else {
            return usage_error("a value must follow", argv[i - 1], usage);
        }
    }
    return CMD_GO;
}

int cmd_number(const char *name, const char *text, int64_t *out)
{
    char *end;

    if (!text)
        return 0;
    *out = strtoll(text, &end, 10);
    if (end == text || *end || *out < 1 || *out > UINT32_MAX)
        return err_set(ERR_USAGE, "%s %s: say a number from 1 to %u", name, text, UINT32_MAX);
    return 0;
}

int cmd_error(int rc)
{
    printable_printf(stderr, "ratchet: %s\n", err_message());
    return rc == ERR_USAGE ? RATCHET_EXIT_USAGE : RATCHET_EXIT_UNABLE;
}

int cmd_open(FILE *say, struct ratchet **out)
{
    return ratchet_open(".", &ratchet_judge_native, say, out);
}

void cmd_estimate(double estimate, double low, double high, char *out, size_t bytes)
{
    if (isnan(estimate))
        snprintf(out, bytes, "-");
    else
        snprintf(out, bytes, "%+.2f %% (%+.2f .. %+.2f)", 100 * expm1(estimate), 100 * expm1(low),
                 100 * expm1(high));
}

void cmd_sum(const struct honesty_sum *s, char out[80])
{
    double reach = honesty_reach(s);

    cmd_estimate(s->mean, s->mean - reach, s->mean + reach, out, 80);
}

json_t *cmd_sum_json(const struct honesty_sum *s)
{
    double reach = honesty_reach(s);

    return isnan(s->mean) ? json_null()
                          : json_pack("[f,f,f]", s->mean, s->mean - reach, s->mean + reach);
}

void cmd_json(json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(1) | JSON_SORT_KEYS);
    putchar('\n');
    json_decref(json);
}

void cmd_line(struct strbuf *out, const char *text, size_t columns)
{
    size_t n = 0;

    for (size_t i = 0, len = strlen(text), step; i < len; i += step) {
        bool control;

        step = printable_next(text + i, len - i, &control);
        if (columns && ++n > columns) {
            strbuf_addf(out, "...");
            return;
        }
        strbuf_add(out, control ? " " : text + i, control ? 1 : step);
    }
}

/* --- evidence --- */

static void print_measured(FILE *to, const struct ledger_row *row, const json_t *details)
{
    char estimate[80];

    cmd_estimate(row->estimate, row->low, row->high, estimate, sizeof estimate);
    printable_printf(to, "  faster     %s, 95 %% interval; %lld units, confirmed by %lld%s%s\n",
                     estimate, (long long)row->units, (long long)row->confirm_units,
                     row->focus[0] ? "; all weight on " : "", row->focus);
    if (details) {
        fprintf(to, "  evidence   E = %.4g for a win, %.4g against",
                record_get_real(details, "evidence"), record_get_real(details, "evidence_loss"));
        if (row->confirm_units)
            fprintf(to, ", %.4g in confirmation", record_get_real(details, "evidence_confirm"));
        fprintf(to, "; margin %.2f %%\n", 100 * record_get_real(details, "margin"));
    }
    if (isfinite(row->score))
        printable_printf(
            to, "  score      %.4g (utilisation %.1f %%, %.4g ms), %.4g GFLOP/s, %.4g GB/s, %s\n",
            row->score, 100 * row->utilisation, row->latency_ms, row->gflops, row->gbps,
            row->regime);
    printable_printf(to, "  counters   %s\n", row->counters[0] ? row->counters : "unavailable");
}

/* Shares of processor time while measuring; what is unknown or small is not worth a line. */
static void print_disturbance(FILE *to, const json_t *details)
{
    double others = record_get_real(details, "disturbed_share"),
           host = record_get_real(details, "steal_share");

    if (!(others > RULE_DISTURBED_MENTION) && !(host > RULE_STEAL_MENTION))
        return;
    fprintf(to, "  disturbed  while measuring,");
    if (isfinite(others))
        fprintf(to, " other programs took %.0f %%%s", 100 * others, isfinite(host) ? " and" : "");
    if (isfinite(host))
        fprintf(to, " other guests of the host %.0f %%", 100 * host);
    fprintf(to, " of the processors\n");
}

static void print_continuation(FILE *to, const json_t *details)
{
    json_int_t from = json_integer_value(json_object_get(details, "continued_from"));

    if (from)
        fprintf(to, "  continued  from experiment %lld: %lld units of the same question\n",
                (long long)from,
                (long long)json_integer_value(json_object_get(details, "n_earlier_units")));
}

/* Cases whose interval includes a loss of 1 % are marked: they are where to look next. */
static void print_cases(FILE *to, const json_t *cases)
{
    size_t i;
    json_t *c;

    if (!json_array_size(cases))
        return;
    fprintf(to, "  %-28s %-30s %10s %10s %6s  %s\n", "case", "faster, 95 % interval", "now us",
            "before us", "util", "regime");
    json_array_foreach(cases, i, c)
    {
        char estimate[80];
        double low = record_get_real(c, "low"), high = record_get_real(c, "high"),
               utilisation = record_get_real(c, "utilisation");

        cmd_estimate(record_get_real(c, "estimate"), low, high, estimate, sizeof estimate);
        printable_printf(to, "  %-28s %-30s %10.2f %10.2f ", record_get_text(c, "name"), estimate,
                         record_get_real(c, "candidate_ns") / 1e3,
                         record_get_real(c, "incumbent_ns") / 1e3);
        if (utilisation > 0)
            fprintf(to, "%4.0f %%", 100 * utilisation);
        else
            fprintf(to, "%6s", "-");
        printable_printf(to, "  %s%s\n", record_get_text(c, "regime"),
                         high < -0.01  ? "  (slower)"
                         : low < -0.01 ? "  (may be > 1 % slower)"
                                       : "");
    }
}

void cmd_print_row(FILE *to, const struct ledger_row *row, const json_t *details)
{
    struct strbuf line = {0};

    cmd_line(&line, row->hypothesis, 100);
    printable_printf(to, "experiment %lld: %s\n  hypothesis %s\n", (long long)row->experiment,
                     row->verdict, line.data);
    if (!isnan(row->estimate))
        print_measured(to, row, details);
    print_continuation(to, details);
    print_disturbance(to, details);
    print_cases(to, json_object_get(details, "cases"));
    strbuf_clear(&line);
    cmd_line(&line, row->reason, 0);
    printable_printf(to, "  saw        %s\n", strbuf_str(&line));
    strbuf_deinit(&line);
}
