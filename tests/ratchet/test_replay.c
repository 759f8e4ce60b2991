/* SPDX-License-Identifier: Apache-2.0
 *
 * audit --replay: a claim, measured again. */
#include "ratchet/audit/replay.h"
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct fixture f;
static struct replay p;

/* A loss, and a win that claims 10 % with an interval of 1 % to each side. */
static void begin(void)
{
    fixture_init(&f);
    fixture_experiment(&f, JUDGE_LOSS, "int a;\n");
    f.gain = 0.10;
    fixture_experiment(&f, JUDGE_WIN, "int b;\n");
}

static void end(void)
{
    replay_deinit(&p);
    fixture_deinit(&f);
}

TestSuite(replay, .init = begin, .fini = end);

static int again(int64_t n)
{
    struct ratchet *r = fixture_open(&f);
    int rc;

    replay_deinit(&p);
    rc = replay_measure(r, n, 0, &p);
    ratchet_close(&r);
    return rc;
}

static void expect_finding(double gain, enum replay_finding want)
{
    f.gain = gain;
    f.verdict = JUDGE_WIN;
    cr_assert_eq(again(2), 0, "%s", err_message());
    cr_expect_eq(p.finding, want, "%g: %d", gain, (int)p.finding);
}

Test(replay, says_whether_the_claim_holds)
{
    expect_finding(0.10, REPLAY_HOLDS);
    expect_finding(0.09, REPLAY_HOLDS);
    expect_finding(0.07, REPLAY_SMALLER);
    expect_finding(0.13, REPLAY_LARGER);
    expect_finding(0.005, REPLAY_GONE);
    expect_finding(-0.10, REPLAY_GONE);
    cr_expect_eq(fixture_rows(&f), 2, "nothing is recorded");
    cr_expect(fixture_clean(&f));
}

Test(replay, an_interval_that_holds_claim_and_nothing_tells_nothing)
{
    const struct honesty_sum claimed = {0.02, 1e-4}, wide = {0.01, 1e-3}, zero = {0, 1e-8};

    cr_expect_eq(replay_judge(&claimed, &wide), REPLAY_UNCLEAR);
    cr_expect_eq(replay_judge(&claimed, &zero), REPLAY_GONE);
}

Test(replay, measures_the_attempt_as_it_was_tried)
{
    expect_finding(0.10, REPLAY_HOLDS);
    cr_expect(f.saw_committed);
    cr_expect_str_eq(f.features, "all");
    cr_expect(p.same_judge && p.same_machine && p.same_compiler);
    cr_expect_eq(p.n_cases, 1);
    cr_expect_str_eq(p.cases[0].name, "first");
    cr_expect_float_eq(p.cases[0].claimed.mean, 0.10, 1e-6);
    cr_expect_eq(p.n_units, 20);
}

Test(replay, a_loss_may_be_replayed_too)
{
    f.verdict = JUDGE_LOSS;
    cr_assert_eq(again(1), 0, "%s", err_message());
    cr_expect_eq(p.finding, REPLAY_HOLDS);
    f.verdict = JUDGE_WIN;
    f.gain = 0.10;
    cr_assert_eq(again(1), 0);
    cr_expect_eq(p.finding, REPLAY_GONE, "a loss that is a win today");
}

/* No win then, with `reason`; today's verdict and estimate of it and of its only case. */
static void expect_other(const char *then, const char *reason, enum judge_verdict now, double d,
                         double variance, enum replay_finding want)
{
    struct replay q = {.verdict = now,
                       .claimed = {0.01, 1e-5},
                       .measured = {d, variance},
                       .n_cases = 1,
                       .cases = {{"gemm-n8", {-0.03, 1e-5}, {d, variance}}}};

    ledger_row_init(&q.row);
    ledger_text_set(&q.row.verdict, then);
    ledger_text_set(&q.row.reason, reason);
    cr_expect_eq(replay_judge_other(&q), want, "%s (%s), now %d, %g: %d", then, reason, (int)now, d,
                 (int)replay_judge_other(&q));
    ledger_row_deinit(&q.row);
}

Test(replay, what_was_no_win_holds_while_it_is_none)
{
    static const char none[] = "no gain of 1.3 %: D +1.0 %",
                      veto[] = "confirmation: gemm-n8: slower by 3.0 % [2.0, 3.9]; in all D +1 %";

    expect_other("LOSS", none, JUDGE_LOSS, 0.02, 1e-6, REPLAY_HOLDS);
    expect_other("LOSS", none, JUDGE_WIN, 0.02, 1e-6, REPLAY_GONE);
    expect_other("LOSS", none, JUDGE_INCONCLUSIVE, 0.01, 1e-2, REPLAY_UNCLEAR);
    expect_other("LOSS", none, JUDGE_INCONCLUSIVE, 0, 1e-6, REPLAY_HOLDS);
    expect_other("LOSS", none, JUDGE_FAIL_CONTRACT, 0.10, 1e-6, REPLAY_GONE); /* through HEAD */
    expect_other("INCONCLUSIVE", none, JUDGE_INCONCLUSIVE, 0.01, 1e-2, REPLAY_HOLDS);
    expect_other("INCONCLUSIVE", none, JUDGE_WIN, 0.02, 1e-6, REPLAY_GONE);
    expect_other("LOSS", veto, JUDGE_LOSS, -0.01, 1e-6, REPLAY_HOLDS);
    expect_other("LOSS", veto, JUDGE_LOSS, 0.01, 1e-6, REPLAY_GONE);
    expect_other("LOSS", veto, JUDGE_LOSS, -0.01, 1e-2, REPLAY_UNCLEAR);
    expect_other("LOSS", veto, JUDGE_WIN, -0.01, 1e-6, REPLAY_GONE);
    expect_other("LOSS", "gemv-n1: slower by 2 %", JUDGE_LOSS, -0.01, 1e-6, REPLAY_UNCLEAR);
    expect_other("LOSS", "gemv-n1: slower by 2 %", JUDGE_SAME_CODE, 0, 0, REPLAY_GONE);
}

Test(replay, without_an_estimate_the_verdict_is_the_claim)
{
    fixture_experiment(&f, JUDGE_FAIL_CORRECTNESS, "int wrong;\n");
    cr_assert_eq(again(3), 0, "%s", err_message());
    cr_expect_eq(p.finding, REPLAY_HOLDS);
    f.verdict = JUDGE_FAIL_CRASH;
    cr_assert_eq(again(3), 0);
    cr_expect_eq(p.finding, REPLAY_GONE);
}

Test(replay, code_that_is_the_same_today_is_no_gain)
{
    f.verdict = JUDGE_SAME_CODE;
    cr_assert_eq(again(2), 0, "%s", err_message());
    cr_expect_eq(p.finding, REPLAY_GONE);
    cr_expect_eq(p.measured.mean, 0);
}

Test(replay, a_contract_that_moved_is_said)
{
    fixture_write(&f, "judge/judge.c", "int another_judge;\n");
    fixture_git(&f, "commit -qam judge", NULL);
    fixture_rehash(&f);
    expect_finding(0.10, REPLAY_HOLDS);
    cr_expect_not(p.same_judge);
    f.verdict = JUDGE_FAIL_BUILD;
    cr_expect_eq(again(2), ERR_CONFLICT);
    cr_expect(strstr(err_message(), "FAIL_BUILD") && strstr(err_message(), "another one"), "%s",
              err_message());
}

Test(replay, what_is_no_experiment_is_refused)
{
    cr_expect_eq(again(9), ERR_USAGE);
    cr_expect(strstr(err_message(), "9"), "%s", err_message());
    fixture_write(&f, "judge/judge.c", "int another_judge;\n");
    fixture_git(&f, "commit -qam judge", NULL);
    fixture_rehash(&f);
    f.verdict = JUDGE_LOSS;
    fixture_write(&f, "kernel/kernel.c", "int c;\n");
    cr_assert_eq(fixture_try(&f, "again", NULL), 0); /* row 3 is the SEAL, 4 the loss */
    cr_expect_eq(again(3), ERR_USAGE);
    cr_expect(strstr(err_message(), "judge"), "%s", err_message());
}

/* The attempt ("int b;") is refused as a candidate; HEAD is 12 % faster than what it was tried on
 * ("int a;" was a loss: the first kernel) and 2 % faster than the attempt. */
static int refusing_trial(void *ctx, const struct ratchet_request *q, struct judge_trial *t)
{
    static struct problem_case first = {.name = "first", .op = "gemv", .weight = 1};
    struct strbuf candidate = {0}, incumbent = {0}, path = {0};

    (void)ctx;
    strbuf_addf(&path, "%s/kernel.c", q->candidate_dir);
    cr_assert_eq(file_read(path.data, &candidate), 0);
    strbuf_clear(&path);
    strbuf_addf(&path, "%s/kernel.c", q->incumbent_dir);
    cr_assert_eq(file_read(path.data, &incumbent), 0);
    memset(t, 0, sizeof *t);
    t->verdict = strstr(candidate.data, "int b;") ? JUDGE_FAIL_CONTRACT : JUDGE_WIN;
    snprintf(t->reason, sizeof t->reason, "a newer contract");
    if (t->verdict == JUDGE_WIN) {
        t->estimate = strstr(incumbent.data, "int b;") ? 0.02 : 0.12;
        t->low = t->estimate - 0.01;
        t->high = t->estimate + 0.01;
        t->n_units = 7;
        t->n_cases = 1;
        t->cases = calloc(1, sizeof *t->cases);
        cr_assert(t->cases);
        t->cases[0].c = &first;
    }
    strbuf_deinit(&candidate);
    strbuf_deinit(&incumbent);
    strbuf_deinit(&path);
    return 0;
}

Test(replay, a_kernel_that_todays_check_refuses_is_measured_through_head)
{
    fixture_write(&f, "kernel/kernel.c", "int c;\n");
    fixture_git(&f, "commit -qam newer", NULL);
    f.judge.trial = refusing_trial;
    cr_assert_eq(again(2), 0, "%s", err_message());
    cr_expect(p.through_head);
    cr_expect_eq(p.n_units, 14, "of both trials");
    cr_expect_eq(p.finding, REPLAY_HOLDS);
    cr_expect_float_eq(p.measured.mean, 0.10, 1e-9);
    cr_expect_float_eq(p.measured.variance, 2 * p.claimed.variance, 1e-6);
}
