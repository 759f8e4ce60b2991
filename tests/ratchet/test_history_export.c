/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows for other programs; Python's csv and json read them back. */
#include "ratchet/history/export.h"
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const hostile[] = {
    "=HYPERLINK(\"http://x\")",
    "+1+1",
    "-2 % of the time, \"quoted\"",
    "@SUM(A1)",
    "\ttab first",
    "line\nbreak\r\nhere",
    "plain, with a comma",
    "caf\xc3\xa9",
    "",
    "back\\slash",
};
enum { N_HOSTILE = sizeof hostile / sizeof *hostile };

static struct ledger *ledger;

static void append(const char *hypothesis, double estimate)
{
    struct ledger_row row;

    ledger_row_init(&row);
    ledger_text_set(&row.time, "2026-01-01T10:00:00Z");
    ledger_text_set(&row.verdict, "LOSS");
    ledger_text_set(&row.hypothesis, hypothesis);
    row.estimate = estimate;
    cr_assert_eq(
        ledger_append(ledger, &row,
                      "{\"cases\":[{\"name\":\"a\",\"op\":\"gemv\",\"estimate\":-0.1234567890123,"
                      "\"low\":null,\"high\":-0.1},{\"name\":\"b\",\"op\":\"gemm\"}]}",
                      NULL),
        0, "%s", err_message());
    ledger_row_deinit(&row);
}

static void begin(void)
{
    cr_assert_eq(ledger_open(":memory:", &ledger), 0);
    for (int i = 0; i < N_HOSTILE; i++)
        append(hostile[i], i ? -0.25 * i : NAN);
}

static void end(void)
{
    ledger_close(&ledger);
}

TestSuite(history_export, .init = begin, .fini = end);

static void written(const struct filter *f, enum export_format format, bool cases,
                    struct strbuf *out)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);

    cr_assert(to);
    cr_assert_eq(export_write(ledger, f, format, cases, to), 0, "%s", err_message());
    fclose(to);
    strbuf_add(out, text, bytes);
    free(text);
}

static const struct filter all;

Test(history_export, tsv_of_everything_is_results_tsv)
{
    struct strbuf got = {0}, want = {0};

    written(&all, EXPORT_TSV, false, &got);
    cr_assert_eq(ledger_export(ledger, 0, &want), 0);
    cr_assert_str_eq(got.data, want.data);
    strbuf_deinit(&got);
    strbuf_deinit(&want);
}

/* Let Python's csv module read the CSV and print one column as JSON. */
static json_t *python_column(const struct strbuf *csv, const char *column)
{
    static const char program[] = "import csv, json, sys\n"
                                  "rows = list(csv.DictReader(open(sys.argv[1], newline=''), "
                                  "strict=True))\n"
                                  "print(json.dumps([r[sys.argv[2]] for r in rows]))\n";
    char path[] = "/tmp/pawl-export-XXXXXX", name[32];
    char *argv[] = {"python3", "-c", NULL, path, name, NULL};
    struct strbuf said = {0}, code = {0};
    int fd = mkstemp(path);
    json_t *column_of;

    cr_assert_geq(fd, 0);
    close(fd);
    snprintf(name, sizeof name, "%s", column);
    strbuf_addf(&code, "%s", program);
    argv[2] = code.data;
    cr_assert_eq(file_write_atomic(path, csv->data, csv->len), 0);
    cr_assert_eq(process_run(argv, NULL, 60, &said), 0, "%s", strbuf_str(&said));
    unlink(path);
    column_of = json_loads(said.data, 0, NULL);
    cr_assert(json_is_array(column_of), "%s", said.data);
    strbuf_deinit(&said);
    strbuf_deinit(&code);
    return column_of;
}

Test(history_export, csv_reads_back_and_holds_no_formula)
{
    struct strbuf csv = {0};
    json_t *texts, *numbers;

    written(&all, EXPORT_CSV, false, &csv);
    texts = python_column(&csv, "hypothesis");
    numbers = python_column(&csv, "estimate");
    cr_assert_eq(json_array_size(texts), N_HOSTILE);
    for (size_t i = 0; i < N_HOSTILE; i++) {
        const char *got = json_string_value(json_array_get(texts, i));
        bool guarded = hostile[i][0] && strchr("=+-@\t\r", hostile[i][0]);

        cr_expect_eq(got[0] == '\'', guarded, "%s", got);
        cr_expect_str_eq(got + guarded, hostile[i]);
    }
    cr_expect_str_eq(json_string_value(json_array_get(numbers, 0)), "", "not known");
    cr_expect_str_eq(json_string_value(json_array_get(numbers, 1)), "-0.25", "a number stays one");
    json_decref(texts);
    json_decref(numbers);
    strbuf_deinit(&csv);
}

Test(history_export, every_csv_line_ends_as_the_rfc_says)
{
    struct filter last = {.last = 1};
    struct strbuf csv = {0};

    written(&last, EXPORT_CSV, false, &csv);
    cr_assert_eq(strncmp(csv.data, "experiment,time,verdict,hypothesis,", 35), 0);
    cr_assert_eq(strncmp(strstr(csv.data, "\r\n"), "\r\n10,2026-01-01T10:00:00Z,LOSS,", 30), 0);
    cr_assert_str_eq(csv.data + csv.len - 2, "\r\n");
    strbuf_deinit(&csv);
}

Test(history_export, json_lines_are_the_rows_of_log)
{
    struct strbuf lines = {0};
    json_t *rows;
    char *p;

    written(&all, EXPORT_JSONL, false, &lines);
    cr_assert_eq(filter_rows_json(ledger, &all, &rows), 0);
    p = lines.data;
    for (size_t i = 0; i < N_HOSTILE; i++) {
        json_t *line = json_loads(p, JSON_DISABLE_EOF_CHECK, NULL);

        cr_expect(json_equal(line, json_array_get(rows, i)), "line %zu", i);
        json_decref(line);
        p = strchr(p, '\n') + 1;
    }
    cr_expect_eq(*p, '\0');
    json_decref(rows);
    strbuf_deinit(&lines);
}

Test(history_export, cases_are_lines_of_their_own_with_all_their_digits)
{
    struct filter some = {.last = 1, .op = "gemv"};
    struct strbuf tsv = {0};

    written(&(struct filter){.last = 2}, EXPORT_TSV, true, &tsv);
    cr_expect(strstr(tsv.data,
                     "\n9\t2026-01-01T10:00:00Z\tLOSS\t\ta\tgemv\t\t-0.1234567890123\t\t-0.1\t"),
              "%s", tsv.data);
    cr_expect(strstr(tsv.data, "\n10\t2026-01-01T10:00:00Z\tLOSS\t\tb\tgemm\t\t\t"), "%s",
              tsv.data);
    strbuf_clear(&tsv);
    ledger_close(&ledger);
    cr_assert_eq(ledger_open(":memory:", &ledger), 0);
    append("gemv", -1);
    written(&some, EXPORT_TSV, true, &tsv);
    cr_expect(strstr(tsv.data, "\ta\tgemv\t"), "%s", tsv.data);
    cr_expect_eq(strstr(tsv.data, "gemm"), NULL, "only the operation asked for: %s", tsv.data);
    strbuf_deinit(&tsv);
}

Test(history_export, nothing_is_a_header_alone)
{
    struct filter none = {.verdicts = 1u << JUDGE_CHEAT};
    struct strbuf text = {0};

    written(&none, EXPORT_JSONL, false, &text);
    cr_expect_eq(text.len, 0);
    written(&none, EXPORT_TSV, true, &text);
    cr_expect_eq(strchr(text.data, '\n'), text.data + text.len - 1);
    strbuf_deinit(&text);
}

Test(history_export, a_full_disk_is_said)
{
    FILE *full = fopen("/dev/full", "w");

    cr_assert(full);
    cr_expect_eq(export_write(ledger, &all, EXPORT_CSV, false, full), ERR_IO);
    fclose(full);
}

Test(history_export, another_format_is_refused_and_named)
{
    enum export_format format;

    cr_expect_eq(export_format_parse("xls", &format), ERR_USAGE);
    cr_expect(strstr(err_message(), "xls") && strstr(err_message(), "jsonl"));
    cr_expect_eq(export_format_parse("csv", &format), 0);
    cr_expect_eq(format, EXPORT_CSV);
}
