/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/lessons/lessons.h"
#include "ratchet/lessons/taxonomy.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* --- the taxonomy --- */

Test(lessons, patterns_compile_and_ids_are_unique)
{
    for (size_t i = 0; i < taxonomy_n; i++) {
        regex_t r;

        cr_assert_eq(regcomp(&r, taxonomy[i].pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB), 0,
                     "%s", taxonomy[i].id);
        cr_assert_neq(regexec(&r, "", 0, NULL, 0), 0, "%s matches everything", taxonomy[i].id);
        regfree(&r);
        cr_assert_null(strchr(taxonomy[i].symptom, '|'), "%s: a cell of a table", taxonomy[i].id);
        for (size_t k = 0; k < i; k++)
            cr_assert_str_neq(taxonomy[i].id, taxonomy[k].id);
    }
}

static void expect(const char *hypothesis, const char *first, const char *second)
{
    const char *want[TAXONOMY_MOST] = {first, second};
    struct taxonomy_match found[TAXONOMY_MOST];
    size_t n = taxonomy_classify(hypothesis, found);

    for (size_t i = 0; i < TAXONOMY_MOST; i++)
        cr_assert_str_eq(i < n ? taxonomy[found[i].row].id : "", want[i], "%s", hypothesis);
}

Test(lessons, put_a_hypothesis_where_its_words_say)
{
    expect("gemv: prefetch half a page ahead; one thread waits there", "prefetch", "");
    expect("sixteen rows in one vpdpbusd per quad instead of eight in vpmaddubsw", "multiply", "");
    expect("a broadcast load for every vpdpbusd stops at half of the int8 peak", "", "");
    expect("rope: AVX-512, a token at a time: cosines stay in registers", "width", "fuse");
    expect("int8 tiles of AMX beside the frame of AVX-512; vpdpbusd was at its roof", "multiply",
           "");
    expect("TILE_ROWS 4 -> 8", "cache-tile", "");
    expect("decoded once for a tile through vpmaddwd, the next page fetched", "decode", "multiply");
    expect("rms_norm: AVX-512; a row in L1 is read by two loads a cycle", "width", "");
    expect("in detail another order of the loops", "", "");
}

/* What a symptom quotes is what the judge prints. */

static void take_source(const char *path, struct strbuf *out)
{
    struct strbuf text = {0};

    cr_assert_eq(file_read(path, &text), 0, "%s", err_message());
    for (const char *p = text.data; *p;) {
        size_t gap = *p == '"' ? 1 + strspn(p + 1, " \n") : 0;

        if (gap > 1 && p[gap] == '"') /* one literal goes on in the next line */
            p += gap + 1;
        else
            strbuf_add(out, p++, 1);
    }
    strbuf_deinit(&text);
}

/* The parts of a quotation between its placeholders. */
static int check_quotation(const char *quoted, size_t n, const char *source)
{
    static const char *const holes[] = {"CASE", "FUNCTION", "PORT", "DRAM", "L2", "N", "%"};
    char copy[256];
    int n_parts = 0;

    snprintf(copy, sizeof copy, "%.*s", (int)n, quoted);
    for (size_t i = 0; i < sizeof holes / sizeof *holes; i++)
        for (char *at; (at = strstr(copy, holes[i])) != NULL;)
            memset(at, '\n', strlen(holes[i]));
    for (char *save = NULL, *p = strtok_r(copy, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
        cr_assert(strstr(source, p), "the judge does not say \"%s\" (%.*s)", p, (int)n, quoted);
        n_parts += strlen(p) > 5;
    }
    return n_parts;
}

Test(lessons, quote_symptoms_that_the_judge_prints)
{
    static const char *const files[] = {"judge/profile/assembly_print.c", "judge/profile/deep.c",
                                        "judge/profile/ports.c",          "judge/profile/budget.c",
                                        "judge/profile/remarks.c",        "judge/profile/profile.c",
                                        "judge/machine/roofline.c",       "judge/command/tables.c"};
    struct strbuf source = {0};
    int n_parts = 0;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        take_source(files[i], &source);
    for (size_t i = 0; i < taxonomy_n; i++)
        for (const char *p = strchr(taxonomy[i].symptom, '`'), *end; p; p = strchr(end + 1, '`')) {
            end = strchr(p + 1, '`');
            cr_assert(end, "%s: a quotation without an end", taxonomy[i].id);
            n_parts += check_quotation(p + 1, (size_t)(end - p - 1), source.data);
        }
    cr_assert_gt(n_parts, 12);
    strbuf_deinit(&source);
}

/* --- rows --- */

static void take(struct lessons *l, int64_t n, const char *verdict, const char *hypothesis,
                 double estimate, const char *reason)
{
    struct ledger_row row;

    ledger_row_init(&row);
    row.experiment = n;
    row.estimate = estimate;
    ledger_text_set(&row.verdict, verdict);
    ledger_text_set(&row.hypothesis, hypothesis);
    ledger_text_set(&row.reason, reason);
    cr_assert_eq(lessons_take(l, &row), 0);
    ledger_row_deinit(&row);
}

static void row_says(const json_t *lessons, const char *id, const char *verdict)
{
    const json_t *tiers = json_object_get(lessons, "tiers");

    for (size_t t = 0; t < json_array_size(tiers); t++) {
        const json_t *rows = json_object_get(json_array_get(tiers, t), "rows");

        for (size_t i = 0; i < json_array_size(rows); i++) {
            const json_t *row = json_array_get(rows, i);

            if (strcmp(json_string_value(json_object_get(row, "id")), id) == 0) {
                cr_assert_str_eq(json_string_value(json_object_get(row, "verdict")), verdict);
                return;
            }
        }
    }
    cr_assert_fail("no row %s", id);
}

Test(lessons, count_what_was_measured_and_list_the_rest)
{
    struct lessons *l = lessons_open();
    struct strbuf text = {0};
    json_t *found;

    take(l, 1, "WIN", "prefetch far ahead", 0.1, "");
    take(l, 2, LEDGER_SEAL, "prefetch", NAN, "");
    take(l, 3, "LOSS", "prefetch farther", 0.05,
         "confirmation: gemm-n8: slower by 3.0 % [2.0, 3.9]; in all D +5.1 %");
    take(l, 4, "UNFIT_MACHINE", "prefetch", NAN, "");
    take(l, 5, "LOSS", "no more spills", -0.01, "no gain");
    take(l, 6, "WIN", "something nobody thought of", 0.02, "");
    take(l, 7, "INCONCLUSIVE", "prefetch nearer", 0.01, "not confirmed");
    take(l, 8, "INCONCLUSIVE", "fewer bytes", 0.01, "not confirmed");
    take(l, 9, "INCONCLUSIVE", "fewer bytes", NAN, "interrupted");
    found = lessons_json(l);
    row_says(found, "prefetch", "borne out 1 of 2, 1 open");
    row_says(found, "spills", "refuted, 0 of 1");
    row_says(found, "bytes", "1 open");
    row_says(found, "stores", "not tried here");
    lessons_markdown(found, &text);
    cr_assert(strstr(text.data, "#1 +10.5 %, #3 LOSS (gemm-n8 slower), #7 INCONCLUSIVE +1.0 % |"),
              "%s", text.data);
    cr_assert(strstr(text.data, "In no row: #6 +2.0 %."), "%s", text.data);
    cr_assert(strstr(text.data, "Without a measured verdict: #4, #9."), "%s", text.data);
    strbuf_clear(&text);
    lessons_text(found, &text);
    cr_assert(strstr(text.data, "#3 LOSS (gemm-n8 slower)  \"prefetch\"  prefetch farther"), "%s",
              text.data);
    json_decref(found);
    strbuf_deinit(&text);
    lessons_close(&l);
}

Test(lessons, find_their_block_or_say_what_is_wrong_with_it)
{
    struct lessons *l = lessons_open();
    struct strbuf text = {0};
    json_t *found;
    size_t begin, end;
    int64_t last;

    take(l, 1, "WIN", "prefetch", 0.1, "");
    found = lessons_json(l);
    cr_assert_eq(lessons_block_find("no block at all\n", &begin, &end, &last), 0);
    strbuf_addf(&text, "before\n");
    lessons_markdown(found, &text);
    strbuf_addf(&text, "after\n");
    cr_assert_eq(lessons_block_find(text.data, &begin, &end, &last), 1);
    cr_assert_eq(last, 1);
    cr_assert_eq(begin, strlen("before\n"));
    cr_assert_str_eq(text.data + end, "after\n");
    lessons_markdown(found, &text);
    cr_assert_eq(lessons_block_find(text.data, &begin, &end, &last), ERR_FORMAT, "two blocks");
    *strstr(text.data, "<!-- end") = ' ';
    cr_assert_eq(lessons_block_find(text.data, &begin, &end, &last), ERR_FORMAT);
    json_decref(found);
    strbuf_deinit(&text);
    lessons_close(&l);
}

/* --- this project's own --- */

/* Rows 1..last of the ledger that this source tree carries. */
static void take_tree(struct lessons *l, int64_t last)
{
    struct strbuf tsv = {0};
    int64_t n = 0;

    cr_assert_eq(file_read("ledger/results.tsv", &tsv), 0, "%s", err_message());
    for (const char *p = tsv.data + strcspn(tsv.data, "\n") + 1; *p && n < last; n++) {
        size_t len = strcspn(p, "\n");
        struct ledger_row row;

        cr_assert_eq(ledger_tsv_parse(p, len, &row), 0, "%s", err_message());
        cr_assert_eq(lessons_take(l, &row), 0);
        ledger_row_deinit(&row);
        p += len + (p[len] == '\n');
    }
    cr_assert_eq(n, last, "AGENTS.md speaks of experiment %lld, results.tsv ends at %lld",
                 (long long)last, (long long)n);
    strbuf_deinit(&tsv);
}

Test(lessons, in_agents_md_are_what_the_ledger_says)
{
    struct strbuf have = {0}, want = {0};
    struct lessons *l = lessons_open();
    size_t begin, end;
    json_t *found;
    int64_t last;

    cr_assert_eq(file_read("AGENTS.md", &have), 0, "%s", err_message());
    cr_assert_eq(lessons_block_find(have.data, &begin, &end, &last), 1, "%s", err_message());
    take_tree(l, last);
    found = lessons_json(l);
    lessons_markdown(found, &want);
    have.data[end] = '\0';
    cr_assert_str_eq(have.data + begin, want.data, "run: build/bin/ratchet lessons --write");
    json_decref(found);
    lessons_close(&l);
    strbuf_deinit(&have);
    strbuf_deinit(&want);
}
