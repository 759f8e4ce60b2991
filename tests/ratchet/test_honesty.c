/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ratchet/ratchet_fixture.h"

#include "ratchet/audit/honesty.h"
#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct fixture f;

/* A loss and two wins that claim 20 % and 30 %. */
static void setup(void)
{
    fixture_init(&f);
    fixture_experiment(&f, JUDGE_LOSS, "int a;\n");
    f.gain = log(1.2);
    fixture_experiment(&f, JUDGE_WIN, "int b;\n");
    f.gain = log(1.3);
    fixture_experiment(&f, JUDGE_WIN, "int c;\n");
}

static void teardown(void)
{
    fixture_deinit(&f);
}

TestSuite(honesty, .init = setup, .fini = teardown);

static int measure(const struct honesty_options *o, struct honesty *out)
{
    struct ratchet *r = fixture_open(&f);
    int rc = honesty_measure(r, o, out);

    ratchet_close(&r);
    return rc;
}

/* HEAD measures `times` as fast as the first kernel: the ratio that follows. */
static double ratio_of(double times, struct honesty *out)
{
    const struct honesty_options o = {0};
    double ratio, low, high;

    f.gain = log(times);
    cr_assert_eq(measure(&o, out), 0, "%s", err_message());
    honesty_ratio(&out->measured, &out->claimed, &ratio, &low, &high);
    cr_expect_lt(low, ratio);
    cr_expect_gt(high, ratio);
    return ratio;
}

static bool has_remark(const struct honesty *h, const char *words)
{
    size_t i;
    json_t *line;

    json_array_foreach(h->remarks, i, line)
    {
        if (strstr(json_string_value(line), words))
            return true;
    }
    return false;
}

static void expect_near(double have, double want)
{
    cr_expect(fabs(have - want) < 1e-4, "%g, not %g", have, want);
}

/* Try with focus or features; a win. */
static void win_with(const char *focus, const char *features, const char *kernel)
{
    struct ratchet_try_options o = {.hypothesis = "a win", .focus = focus, .features = features};
    struct ratchet *r = fixture_open(&f);
    struct ratchet_result res;

    f.verdict = JUDGE_WIN;
    fixture_write(&f, "kernel/kernel.c", kernel);
    cr_assert_eq(ratchet_try(r, &o, &res), 0, "%s", err_message());
    cr_assert(res.applied);
    ratchet_result_deinit(&res);
    ratchet_close(&r);
}

Test(honesty, divides_what_is_measured_by_the_product_of_the_claims)
{
    struct honesty h;

    f.verdict = JUDGE_WIN;
    expect_near(ratio_of(1.56, &h), 1);
    cr_expect_eq(honesty_judge(&h), HONESTY_ADDS_UP);
    expect_near(h.compared, 1);
    cr_expect_eq(h.n_wins, 2);
    cr_expect_eq(h.n_cases, 1);
    cr_expect_eq(h.first_experiment, 1);
    cr_expect_eq(h.n_units, 20);
    cr_expect_eq(h.cases[0].n_claims, 2);
    cr_expect_eq(json_array_size(h.remarks), 0);
    cr_expect(f.saw_committed);
    expect_near(h.claimed.mean, log(1.56));
    honesty_deinit(&h);
    expect_near(ratio_of(1.248, &h), 0.8);
    cr_expect_eq(honesty_judge(&h), HONESTY_OFF);
    h.n_elsewhere = 1;
    cr_expect_eq(honesty_judge(&h), HONESTY_UNCLEAR, "what was claimed on another machine");
    honesty_deinit(&h);
    cr_expect(fixture_clean(&f));
    cr_expect_eq(fixture_rows(&f), 3, "an audit writes no row");
}

Test(honesty, starts_at_the_experiment_it_is_told)
{
    const struct honesty_options o = {.from = 3}, nowhere = {.from = 9};
    struct honesty h;

    f.verdict = JUDGE_WIN;
    cr_assert_eq(measure(&o, &h), 0, "%s", err_message());
    cr_expect_eq(h.n_wins, 1);
    expect_near(h.claimed.mean, log(1.3));
    honesty_deinit(&h);
    cr_expect_eq(measure(&nowhere, &h), ERR_USAGE);
    cr_expect(strstr(err_message(), "there is no experiment 9; the last is 3"), "%s",
              err_message());
}

Test(honesty, counts_a_focus_elsewhere_as_unchanged_and_other_features_not_at_all)
{
    struct honesty h;

    f.gain = log(1.5);
    win_with("attention", NULL, "int d;\n");
    win_with(NULL, "avx2", "int e;\n");
    win_with("gemv", NULL, "int f;\n");
    expect_near(ratio_of(1.56 * 1.5, &h), 1);
    cr_expect_eq(h.n_wins, 4);
    cr_expect_eq(h.cases[0].n_claims, 3);
    cr_expect_eq(h.cases[0].n_unfocused, 1);
    cr_expect(has_remark(&h, "experiment 5 won with features avx2"));
    honesty_deinit(&h);
}

Test(honesty, leaves_a_case_out_that_a_win_did_not_measure)
{
    const struct honesty_options o = {0};
    struct honesty h;

    f.verdict = JUDGE_WIN;
    f.case_name = "second";
    cr_assert_eq(measure(&o, &h), 0, "%s", err_message());
    cr_expect_eq(h.cases[0].n_missing, 2);
    expect_near(h.measured.mean, 0);
    expect_near(h.claimed.mean, 0);
    expect_near(h.compared, 0);
    cr_expect_eq(honesty_judge(&h), HONESTY_UNCLEAR, "nothing compares");
    honesty_deinit(&h);
}

Test(honesty, a_ratio_that_is_hardly_known_tells_nothing)
{
    struct honesty h;

    f.verdict = JUDGE_WIN;
    ratio_of(1.56, &h);
    h.measured.variance = honesty_variance(-10, 10); /* one unit */
    cr_expect_eq(honesty_judge(&h), HONESTY_UNCLEAR);
    h.measured.variance = honesty_variance(-0.05, 0.05);
    cr_expect_eq(honesty_judge(&h), HONESTY_ADDS_UP);
    honesty_deinit(&h);
}

Test(honesty, counts_a_win_whose_word_means_all_features_here)
{
    const char *word = fixture_features_like_all();
    struct honesty h;

    if (!word)
        cr_skip_test("no word but \"all\" means all features of this processor");
    f.gain = log(1.5);
    win_with(NULL, word, "int d;\n");
    expect_near(ratio_of(1.56 * 1.5, &h), 1);
    cr_expect_eq(h.n_wins, 3);
    honesty_deinit(&h);
}

Test(honesty, tells_what_changed_without_an_experiment_and_who_judged)
{
    struct honesty h;

    fixture_write(&f, "kernel/kernel.c", "int by_hand;\n");
    fixture_git(&f, "commit -qam by-hand", NULL);
    fixture_write(&f, "judge/judge.c", "int other_judge;\n");
    fixture_git(&f, "commit -qam other-judge", NULL);
    cr_expect_eq(measure(&(struct honesty_options){0}, &h), ERR_CONFLICT,
                 "the judge is not HEAD's");
    fixture_rehash(&f);
    f.gain = log(1.1);
    win_with(NULL, NULL, "int g;\n");
    expect_near(ratio_of(1.56 * 1.1, &h), 1);
    cr_expect(has_remark(&h, "changes the kernel without an experiment"));
    cr_expect(has_remark(&h, "the judge changed 1 time since"));
    honesty_deinit(&h);
    cr_expect_eq(measure(&(struct honesty_options){.from = 4}, &h), ERR_USAGE);
    cr_expect(strstr(err_message(), "a change of the judge"), "%s", err_message());
}

Test(honesty, measures_nothing_without_a_win_and_says_why_it_cannot)
{
    const struct honesty_options o = {0};
    struct fixture none;
    struct honesty h;
    int trials = f.n_trials;

    f.verdict = JUDGE_FAIL_CRASH;
    cr_expect_eq(measure(&o, &h), ERR_CONFLICT);
    cr_expect(strstr(err_message(), "FAIL_CRASH"), "%s", err_message());
    cr_expect_eq(f.n_trials, trials + 1);
    fixture_init(&none);
    fixture_experiment(&none, JUDGE_LOSS, "int a;\n");
    struct ratchet *r = fixture_open(&none);
    cr_assert_eq(honesty_measure(r, &o, &h), 0, "%s", err_message());
    ratchet_close(&r);
    cr_expect_eq(h.n_wins + (int64_t)h.n_cases, 0);
    cr_expect_eq(none.n_trials, 1);
    honesty_deinit(&h);
    fixture_deinit(&none);
}
