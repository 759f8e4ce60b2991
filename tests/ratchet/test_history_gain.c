/* SPDX-License-Identifier: Apache-2.0
 *
 * What an estimate means for the whole workload. */
#include "ratchet/history/gain.h"
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <math.h>

static void this_machine(char out[256])
{
    snprintf(out, 256, "this one");
}

static double gain_on(const char *machine, const char *focus, double estimate, const char *details)
{
    const struct ratchet_judge judge = {.machine = this_machine};
    struct ratchet r = {.judge = &judge};
    struct ledger_row row;
    char features[16];
    double out;

    cr_assert_eq(ledger_open(":memory:", &r.ledger), 0, "%s", err_message());
    ledger_row_init(&row);
    ledger_text_set(&row.focus, focus);
    ledger_text_set(&row.machine, machine);
    row.estimate = estimate;
    cr_assert_eq(ledger_append(r.ledger, &row, details, NULL), 0, "%s", err_message());
    cr_assert_eq(gain_of(&r, &row, &out, features), 0, "%s", err_message());
    ledger_row_deinit(&row);
    ledger_close(&r.ledger);
    return out;
}

static double gain(const char *focus, double estimate, const char *details)
{
    return gain_on("another one", focus, estimate, details);
}

Test(history_gain, the_workload_counts_whole_and_a_focus_by_its_share)
{
    double gemm = 0, all = 0;

    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        all += problem_shipped.cases[i].weight;
        gemm += problem_in_focus(&problem_shipped.cases[i], "gemm")
                    ? problem_shipped.cases[i].weight
                    : 0;
    }
    cr_assert(gemm > 0 && gemm < all);
    cr_expect_float_eq(gain("", 0.1, "{}"), 0.1, 1e-12);
    cr_expect_float_eq(gain("gemm", 0.1, "{\"features\":\"all\"}"), 0.1 * gemm / all, 1e-12);
    cr_expect_eq(gain("what nobody knows", 0.1, "{}"), 0);
}

Test(history_gain, another_path_and_no_estimate_count_nothing)
{
    cr_expect_eq(gain("", 0.1, "{\"features\":\"avx2\"}"), 0);
    cr_expect_eq(gain("", NAN, "{\"features\":\"all\"}"), 0);
    cr_expect_float_eq(gain("", -0.1, "{\"features\":\"all\"}"), -0.1, 1e-12);
}

Test(history_gain, on_this_machine_a_path_is_what_the_processor_makes_of_the_word)
{
    const char *word = fixture_features_like_all();
    char details[64];

    if (!word)
        cr_skip_test("no word but \"all\" means all features of this processor");
    snprintf(details, sizeof details, "{\"features\":\"%s\"}", word);
    cr_expect_float_eq(gain_on("this one", "", 0.1, details), 0.1, 1e-12);
    cr_expect_eq(gain_on("another one", "", 0.1, details), 0);
    if (cpu_features())
        cr_expect_eq(gain_on("this one", "", 0.1, "{\"features\":\"scalar\"}"), 0);
}
