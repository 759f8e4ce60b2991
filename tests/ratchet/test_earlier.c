/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ratchet/ratchet_fixture.h"

#include "ratchet/try/earlier.h"
#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <string.h>

static struct fixture f;

static void setup(void)
{
    fixture_init(&f);
}

static void teardown(void)
{
    fixture_deinit(&f);
}

TestSuite(earlier, .init = setup, .fini = teardown);

static void reason_says(int64_t n, const char *want, bool yes)
{
    struct ratchet *r = fixture_open(&f);
    struct ledger_row row;

    cr_assert_eq(ledger_find(r->ledger, n, &row), 1);
    cr_assert_eq(strstr(row.reason, want) != NULL, yes, "row %d: %s", (int)n, row.reason);
    ledger_row_deinit(&row);
    ratchet_close(&r);
}

Test(earlier, continues_the_evidence_of_the_same_question)
{
    f.evidence_key = "a key";
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    cr_assert_eq(f.earlier_units, 0);
    reason_says(1, "continued", false);
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    cr_assert_eq(f.earlier_units, 30);
    reason_says(2, "continued from experiment 1 (30 units)", true);
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    cr_assert_eq(f.earlier_units, 60, "all of them, not those of the last alone");
    reason_says(3, "continued from experiment 2 (60 units)", true);
}

Test(earlier, starts_anew_for_another_key_and_another_judge)
{
    f.evidence_key = "a key";
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    f.evidence_key = "another key";
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    cr_assert_eq(f.earlier_units, 0);
    f.evidence_key = "a key";
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    cr_assert_eq(f.earlier_units, 30, "what lies between does not matter");
    fixture_write(&f, "judge/judge.c", "int stricter;\n");
    fixture_git(&f, "commit -qam stricter", NULL);
    fixture_rehash(&f);
    f.verdict = JUDGE_LOSS;
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert_eq(fixture_try(&f, "make it faster", NULL), 0, "%s", err_message());
    cr_assert_eq(f.earlier_units, 0);
}

static void earlier_is(struct ratchet *r, const char *code_key, const char *key, int64_t want)
{
    json_t *evidence = NULL;
    int64_t n = 0;

    cr_assert_eq(earlier_find(r, code_key, key, &n, &evidence), want != 0);
    cr_assert_eq(n, want);
    cr_assert_eq(json_integer_value(json_object_get(evidence, "experiment")), want);
    json_decref(evidence);
}

Test(earlier, finds_the_newest_row_of_the_code_and_the_key)
{
    struct ratchet *r;

    f.evidence_key = "a key";
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    fixture_experiment(&f, JUDGE_FAIL_CORRECTNESS, FIXTURE_FASTER);
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    r = fixture_open(&f);
    earlier_is(r, "a code key", "a key", 3);
    earlier_is(r, "a code key", "no key", 0);
    earlier_is(r, "another code key", "a key", 0);
    ratchet_close(&r);
}

/* Whoever clones the repository goes on with the evidence, too. */
Test(earlier, finds_evidence_in_a_clone)
{
    char original[80];

    f.evidence_key = "a key";
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    fixture_git(&f, "clone -q . ../clone", NULL);
    memcpy(original, f.repo, sizeof original);
    snprintf(f.repo, sizeof f.repo, "%s/clone", f.dir);
    fixture_git(&f, "config user.name Tester", NULL);
    fixture_git(&f, "config user.email tester@localhost", NULL);
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    cr_assert_eq(f.earlier_units, 30);
    memcpy(f.repo, original, sizeof original);
}

/* A judge that hands decided evidence on as it got it. */
Test(earlier, names_the_experiment_that_decided)
{
    struct ratchet *r;

    f.evidence_key = "a key";
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    f.at_once = true;
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    r = fixture_open(&f);
    earlier_is(r, "a code key", "a key", 1);
    ratchet_close(&r);
}

Test(earlier, lets_the_judge_answer_at_once)
{
    struct ratchet *r;
    struct ledger_row row;

    f.evidence_key = "a key";
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    f.at_once = true;
    fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
    r = fixture_open(&f);
    cr_assert_eq(ledger_find(r->ledger, 2, &row), 1);
    cr_assert_eq(row.units, 0);
    cr_assert_float_eq(row.estimate, -0.02, 1e-9, "the earlier units are its estimate");
    cr_assert_null(strstr(row.reason, "continued"), "%s", row.reason);
    ledger_row_deinit(&row);
    ratchet_close(&r);
}
