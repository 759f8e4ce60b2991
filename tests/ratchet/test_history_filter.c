/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rows the words of history/filter.h choose. */
#include "ratchet/history/filter.h"
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <string.h>

/* A ledger in memory, not a repository: filters see rows alone. */
static struct ledger *ledger;

struct given {
    const char *time, *verdict, *hypothesis, *author, *focus, *reason, *machine, *details;
};

static void append(const struct given *g)
{
    struct ledger_row row;

    ledger_row_init(&row);
    ledger_text_set(&row.time, g->time);
    ledger_text_set(&row.verdict, g->verdict);
    ledger_text_set(&row.hypothesis, g->hypothesis);
    ledger_text_set(&row.author, g->author);
    ledger_text_set(&row.focus, g->focus);
    ledger_text_set(&row.reason, g->reason);
    ledger_text_set(&row.machine, g->machine);
    cr_assert_eq(ledger_append(ledger, &row, g->details ? g->details : "{}", NULL), 0, "%s",
                 err_message());
    ledger_row_deinit(&row);
}

#define CASE(name, op, low, high)                                                                  \
    "{\"name\":\"" name "\",\"op\":\"" op "\",\"estimate\":0,\"low\":" low ",\"high\":" high "}"

static void rows(void)
{
    static const struct given given[] = {
        {"2026-01-01T10:00:00Z", "WIN", "Wider Tiles", "Ada", "", "faster", "big box",
         "{\"cases\":[" CASE("gemv-q4_k", "gemv", "0.02", "0.04") "," CASE("gemm-q4_k-n8", "gemm",
                                                                           "-0.005", "0.005") "]}"},
        {"2026-01-02T23:59:59Z", "LOSS", "prefetch", "Bob", "", "gemm-q4_k-n8: slower by 4 %",
         "big box", "{\"cases\":[" CASE("gemm-q4_k-n8", "gemm", "-0.05", "-0.03") "]}"},
        {"2026-01-03T00:00:00Z", "SEAL", "the sealed sources changed", "Ada", "", "", "", NULL},
        {"2026-01-03T12:00:00Z", "FAIL_CORRECTNESS", "skip a mask", "Ada", "",
         "case attention-f16-prefill, pattern random: y[0] = 1, want 2", "small box", NULL},
        {"2026-01-04T12:00:00Z", "INCONCLUSIVE", "tiles again", "Bobby", "gemm", "not told apart",
         "small box", "{\"cases\":[" CASE("gemm-q4_k-n8", "gemm", "-0.02", "0.02") "]}"},
    };

    cr_assert_eq(ledger_open(":memory:", &ledger), 0, "%s", err_message());
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        append(&given[i]);
}

static void rows_end(void)
{
    ledger_close(&ledger);
}

static int add_number(void *ctx, const struct ledger_row *row)
{
    strbuf_addf(ctx, "%lld ", (long long)row->experiment);
    return 0;
}

/* The numbers that pass, "2 4 ". */
static void chosen(const struct filter_text *words, const char *want)
{
    struct strbuf got = {0};
    struct filter filter;

    cr_assert_eq(filter_parse(ledger, words, &filter), 0, "%s", err_message());
    cr_assert_eq(filter_each(ledger, &filter, add_number, &got), 0, "%s", err_message());
    cr_assert_str_eq(strbuf_str(&got), want);
    strbuf_deinit(&got);
}

#define CHOSEN(want, ...) chosen(&(struct filter_text){__VA_ARGS__}, want)

TestSuite(history_filter, .init = rows, .fini = rows_end);

Test(history_filter, without_words_every_row_passes)
{
    CHOSEN("1 2 3 4 5 ", NULL);
}

Test(history_filter, verdicts_in_either_case_and_several)
{
    CHOSEN("1 2 ", .verdict = "win,Loss");
    CHOSEN("3 ", .verdict = "SEAL");
    CHOSEN("", .verdict = "CHEAT");
}

Test(history_filter, text_is_found_in_hypothesis_and_reason_without_regard_to_case)
{
    CHOSEN("1 5 ", .grep = "TILES");
    CHOSEN("2 ", .grep = "slower by 4 %");
    CHOSEN("2 5 ", .author = "bob");
    CHOSEN("4 5 ", .machine = "small");
}

Test(history_filter, days_include_their_ends)
{
    CHOSEN("2 3 4 5 ", .since = "2026-01-02");
    CHOSEN("1 2 ", .until = "2026-01-02");
    CHOSEN("3 4 ", .since = "2026-01-03T00:00:00Z", .until = "2026-01-04T11:59:59Z");
    CHOSEN("", .since = "2027-01-01");
}

Test(history_filter, the_last_are_counted_among_those_that_pass)
{
    CHOSEN("4 5 ", .last = "2");
    CHOSEN("2 ", .verdict = "WIN,LOSS", .last = "1");
    CHOSEN("1 2 3 4 5 ", .last = "100");
}

Test(history_filter, an_epoch_begins_with_its_seal)
{
    CHOSEN("1 2 ", .epoch = "1");
    CHOSEN("3 4 5 ", .epoch = "2");
    CHOSEN("3 4 5 ", .epoch = "last");
    CHOSEN("", .epoch = "3");
}

Test(history_filter, a_row_concerns_what_it_changed_focused_on_or_failed_in)
{
    CHOSEN("1 ", .op = "gemv");
    CHOSEN("2 5 ", .op = "gemm"); /* row 1 left it within 1 % */
    CHOSEN("2 5 ", .case_name = "gemm-q4_k-n8");
    CHOSEN("4 ", .op = "attention");
    CHOSEN("4 ", .case_name = "attention-f16-prefill");
    CHOSEN("", .case_name = "attention-f16-decode");
}

Test(history_filter, a_case_is_not_found_in_a_longer_name)
{
    append(&(struct given){"2026-01-05T00:00:00Z", "LOSS", "", "", "",
                           "gemv-q4_k-2-threads: slower", "", NULL});
    CHOSEN("1 ", .case_name = "gemv-q4_k");
    CHOSEN("6 ", .case_name = "gemv-q4_k-2-threads");
}

Test(history_filter, words_are_joined_by_and)
{
    CHOSEN("5 ", .grep = "tiles", .author = "bob", .op = "gemm");
    CHOSEN("", .grep = "tiles", .verdict = "LOSS");
}

Test(history_filter, an_empty_ledger_has_no_rows_to_choose)
{
    struct ledger *full = ledger;

    cr_assert_eq(ledger_open(":memory:", &ledger), 0);
    CHOSEN("", .last = "3", .epoch = "last");
    ledger_close(&ledger);
    ledger = full;
}

Test(history_filter, nonsense_is_refused_and_named)
{
    static const struct {
        struct filter_text words;
        const char *named;
    } bad[] = {
        {{.verdict = "WIN,VICTORY"}, "VICTORY"},
        {{.verdict = ""}, "SAME_CODE"},
        {{.verdict = "WIN,"}, "SAME_CODE"},
        {{.since = "yesterday"}, "yesterday"},
        {{.since = "2026-02-30"}, "2026-02-30"},
        {{.until = "2026-01-01T25:00:00Z"}, "2026-01-01T25:00:00Z"},
        {{.until = "2026-01-01T10:00:00Z or so"}, "or so"},
        {{.last = "0"}, "'0'"},
        {{.last = "-3"}, "-3"},
        {{.last = "99999999999999999999"}, "99999"},
        {{.last = "3x"}, "3x"},
        {{.epoch = "first"}, "or last"},
        {{.op = "gemw"}, "gemv"},
        {{.case_name = "no-such-case"}, "no-such-case"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct filter filter;

        cr_expect_eq(filter_parse(ledger, &bad[i].words, &filter), ERR_USAGE, "case %zu", i);
        cr_expect(strstr(err_message(), bad[i].named), "%s", err_message());
    }
}

Test(history_filter, what_only_older_rows_know_is_no_nonsense)
{
    append(&(struct given){"2026-01-05T00:00:00Z", "LOSS", "", "", "", "", "",
                           "{\"cases\":[" CASE("conv-old", "conv", "-0.2", "-0.1") "]}"});
    CHOSEN("6 ", .op = "conv");
    CHOSEN("6 ", .case_name = "conv-old");
}
