/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a case got slower: by the ledger, and by a judge that reads the time of a kernel out of its
 * sources. */
#include "ratchet/history/bisect.h"
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct fixture f;
static struct bisect b;
static struct bisect_found found;
static double noise = 0.002; /* half of the interval that the judge below reports */

static void begin(void)
{
    fixture_init(&f);
}

static void end(void)
{
    bisect_found_deinit(&found);
    bisect_deinit(&b);
    fixture_deinit(&f);
}

TestSuite(history_bisect, .init = begin, .fini = end);

/* --- by the ledger --- */

static int look(const struct bisect_options *o)
{
    struct ratchet *r = fixture_open(&f);
    int rc;

    bisect_deinit(&b);
    rc = bisect_open(r, o, &b);
    ratchet_close(&r);
    return rc;
}

static void win(double gain, const char *case_name, const char *kernel)
{
    f.gain = gain;
    f.case_name = case_name;
    fixture_experiment(&f, JUDGE_WIN, kernel);
}

/* Wins 1 and 2, an ordinary commit, loss 3, win 4 that measures something else, win 5 that slows. */
static void history(void)
{
    win(0.10, NULL, "int a;\n");
    win(0.02, NULL, "int b;\n");
    fixture_write(&f, "kernel/kernel.c", "int plain;\n");
    fixture_git(&f, "commit -qam plain", NULL);
    fixture_experiment(&f, JUDGE_LOSS, "int loss;\n");
    win(0.30, "other", "int c;\n");
    win(-0.05, NULL, "int d;\n");
}

Test(history_bisect, adds_up_what_the_wins_measured)
{
    static const struct {
        int64_t experiment;
        enum bisect_kind kind;
        double so_far;
    } want[] = {{0, BISECT_PLAIN, 0},    {1, BISECT_MEASURED, 0.10},   {2, BISECT_MEASURED, 0.12},
                {0, BISECT_PLAIN, 0.12}, {4, BISECT_UNMEASURED, 0.12}, {5, BISECT_MEASURED, 0.07}};

    history();
    cr_assert_eq(look(&(struct bisect_options){.case_name = "first"}), 0, "%s", err_message());
    cr_assert_eq(b.n, 6);
    for (size_t i = 0; i < b.n; i++) {
        cr_expect_eq(b.points[i].experiment, want[i].experiment, "point %zu", i);
        cr_expect_eq(b.points[i].kind, want[i].kind, "point %zu", i);
        cr_expect_float_eq(b.points[i].so_far.mean, want[i].so_far, 1e-6, "point %zu", i);
    }
    cr_expect_eq(bisect_clear(&b.points[1].step), 1);
    cr_expect_eq(bisect_clear(&b.points[2].step), 1);
    cr_expect_eq(bisect_clear(&b.points[5].step), -1);
    cr_expect_float_eq(b.points[5].so_far.variance, 3 * b.points[1].step.variance, 1e-12);
    cr_expect_str_eq(b.points[3].text, "plain");
}

Test(history_bisect, a_step_is_clear_by_three_standard_errors)
{
    cr_expect_eq(bisect_clear(&(struct honesty_sum){-0.031, 1e-4}), -1);
    cr_expect_eq(bisect_clear(&(struct honesty_sum){-0.029, 1e-4}), 0);
    cr_expect_eq(bisect_clear(&(struct honesty_sum){0.031, 1e-4}), 1);
    cr_expect_eq(bisect_clear(&(struct honesty_sum){0, 0}), 0);
}

Test(history_bisect, a_range_begins_and_ends_where_it_is_told)
{
    history();
    cr_assert_eq(look(&(struct bisect_options){.case_name = "first", .from = "2", .to = "4"}), 0,
                 "%s", err_message());
    cr_assert_eq(b.n, 3, "win 2, plain, win 4");
    cr_expect_eq(b.points[0].experiment, 2);
    cr_expect_float_eq(b.points[2].so_far.mean, 0, 1e-12, "win 2 led to the start");
    cr_assert_eq(look(&(struct bisect_options){.case_name = "first", .from = "1^", .to = "1"}), 0);
    cr_expect_eq(b.n, 2);
    cr_expect_float_eq(b.points[1].so_far.mean, 0.10, 1e-6);
}

Test(history_bisect, a_range_that_is_none_is_refused)
{
    static const struct bisect_options bad[] = {
        {.case_name = "first", .from = "2", .to = "2"},
        {.case_name = "first", .from = "4", .to = "1"},
        {.case_name = "first", .from = "3"}, /* a loss is on no line */
        {.case_name = "first", .to = "99"},
        {.case_name = "first", .from = "6^"}, /* tried beside the line */
    };
    static const char *const words[] = {"before", "before", "say 3^", "99", "first-parent"};

    history();
    fixture_git(&f, "checkout -q -b beside HEAD~1", NULL);
    f.gain = 0.4;
    fixture_write(&f, "kernel/kernel.c", "int beside;\n");
    fixture_git(&f, "commit -qam beside", NULL);
    fixture_experiment(&f, JUDGE_WIN, "int won_beside;\n");
    fixture_git(&f, "checkout -q main", NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(look(&bad[i]), ERR_USAGE, "range %zu: %s", i, err_message());
        cr_expect(strstr(err_message(), words[i]), "range %zu: %s", i, err_message());
    }
}

Test(history_bisect, an_empty_ledger_has_no_line)
{
    cr_expect_eq(look(&(struct bisect_options){.case_name = "first"}), ERR_CONFLICT);
}

static void win_with(const char *features)
{
    struct ratchet_try_options o = {.hypothesis = "a win", .features = features};
    struct ratchet *r = fixture_open(&f);
    struct ratchet_result res;

    f.verdict = JUDGE_WIN;
    fixture_write(&f, "kernel/kernel.c", "int one_path;\n");
    cr_assert_eq(ratchet_try(r, &o, &res), 0, "%s", err_message());
    ratchet_result_deinit(&res);
    ratchet_close(&r);
}

Test(history_bisect, a_win_with_another_word_for_all_features_is_on_the_path)
{
    const char *word = fixture_features_like_all();

    if (!word)
        cr_skip_test("no word but \"all\" means all features of this processor");
    win_with(word);
    cr_assert_eq(look(&(struct bisect_options){.case_name = "first"}), 0);
    cr_expect_eq(b.points[1].kind, BISECT_MEASURED);
}

Test(history_bisect, wins_with_other_features_speak_of_another_path)
{
    win_with("scalar");
    cr_assert_eq(look(&(struct bisect_options){.case_name = "first"}), 0);
    cr_expect_eq(b.points[1].kind, BISECT_OTHER_PATH);
    cr_assert_eq(look(&(struct bisect_options){.case_name = "first", .features = "scalar"}), 0);
    cr_expect_eq(b.points[1].kind, BISECT_MEASURED);
}

/* --- by measuring --- */

/* "time 120": the case takes so long; "broken": it does not build, "wrong": as the candidate it fails the check. */
static double time_of(const char *dir, bool *broken, bool *wrong)
{
    struct strbuf text = {0};
    char path[512];
    double time = 100;

    snprintf(path, sizeof path, "%s/kernel.c", dir);
    cr_assert_eq(file_read(path, &text), 0, "%s", err_message());
    if (strstr(text.data, "time "))
        time = strtod(strstr(text.data, "time ") + 5, NULL);
    *broken |= strstr(text.data, "broken") != NULL;
    if (wrong)
        *wrong |= strstr(text.data, "wrong") != NULL;
    strbuf_deinit(&text);
    return time;
}

static int reading_trial(void *ctx, const struct ratchet_request *q, struct judge_trial *t)
{
    static struct problem_case first = {.name = "first", .op = "gemv", .weight = 1};
    bool broken = false, wrong = false;
    double now = time_of(q->candidate_dir, &broken, &wrong),
           before = time_of(q->incumbent_dir, &broken, NULL); /* is not checked */

    (void)ctx;
    cr_expect_eq(q->max_units, BISECT_UNITS, "other cases do not prolong a measurement");
    memset(t, 0, sizeof *t);
    t->verdict = broken          ? JUDGE_FAIL_BUILD
                 : q->build_only ? JUDGE_SAME_CODE
                 : wrong         ? JUDGE_FAIL_CORRECTNESS
                                 : JUDGE_LOSS;
    snprintf(t->reason, sizeof t->reason, "as the sources say");
    if (t->verdict != JUDGE_LOSS)
        return 0;
    f.n_trials++;
    t->n_cases = 1;
    t->cases = calloc(1, sizeof *t->cases);
    cr_assert(t->cases);
    t->cases[0].c = &first;
    t->cases[0].estimate = log(before / now);
    t->cases[0].low = t->cases[0].estimate - noise;
    t->cases[0].high = t->cases[0].estimate + noise;
    return 0;
}

enum { KERNELS = 9 }; /* the first and eight wins */

/* Wins whose kernels say texts[1..]; the first kernel is the fixture's own, 100. */
static void kernels(const char *const texts[KERNELS])
{
    char kernel[80];

    f.gain = 0.1;
    for (int i = 1; i < KERNELS; i++) {
        snprintf(kernel, sizeof kernel, "/* %d: %s */\n", i, texts[i]);
        fixture_experiment(&f, JUDGE_WIN, kernel);
    }
    f.judge.trial = reading_trial;
    f.n_trials = 0;
}

static int measure(void)
{
    const struct bisect_options o = {.case_name = "first"};
    struct ratchet *r = fixture_open(&f);
    int rc;

    bisect_found_deinit(&found);
    bisect_deinit(&b);
    rc = bisect_open(r, &o, &b);
    cr_assert_eq(rc, 0, "%s", err_message());
    rc = bisect_measure(r, &o, &b, &found);
    ratchet_close(&r);
    return rc;
}

static void expect_found(int64_t experiment, double change)
{
    cr_assert(found.found, "%s", found.why);
    cr_expect_eq(found.range.to, found.range.from + 1);
    cr_expect_eq(b.points[found.range.to].experiment, experiment);
    cr_expect_float_eq(found.range.change.mean, change, 1e-9);
}

Test(history_bisect, measuring_finds_the_step_wherever_it_is, .timeout = 60)
{
    for (int slow = 1; slow < KERNELS; slow++) {
        const char *texts[KERNELS];

        for (int i = 0; i < KERNELS; i++)
            texts[i] = i < slow ? "time 100" : "time 110";
        kernels(texts);
        cr_assert_eq(measure(), 0, "%s", err_message());
        expect_found(slow, log(100.0 / 110));
        cr_expect_leq(f.n_trials, 1 + 3 + 1, "the range, three halvings, the step itself");
        end();
        begin();
    }
}

Test(history_bisect, measuring_finds_a_gain_too_and_the_larger_of_two)
{
    kernels((const char *[]){"", "time 100", "time 99", "time 99", "time 80", "time 80", "time 80",
                             "time 78", "time 78"});
    cr_assert_eq(measure(), 0, "%s", err_message());
    expect_found(4, log(99.0 / 80));
    cr_expect_eq(fixture_rows(&f), KERNELS - 1, "nothing is recorded");
}

Test(history_bisect, kernels_that_today_refuses_are_passed_over_with_the_reason)
{
    kernels((const char *[]){"", "time 100", "time 100", "broken", "broken", "time 120", "wrong",
                             "time 120", "time 120"});
    cr_assert_eq(measure(), 0, "%s", err_message());
    cr_expect_not(found.found, "3, 4 or 5 slowed it");
    cr_expect(strstr(found.why, "no kernel in between can be measured"), "%s", found.why);
    cr_expect_eq(b.points[found.range.from].experiment, 2);
    cr_expect_eq(b.points[found.range.to].experiment, 5);
    cr_expect_geq(found.n_skips, 2);
    cr_expect(strstr(found.skips[0].reason, "FAIL_BUILD: as the sources say"));
}

Test(history_bisect, a_first_kernel_that_is_refused_gives_way_to_the_next)
{
    fixture_write(&f, "kernel/kernel.c", "/* broken */\n");
    fixture_git(&f, "commit -qam broken", NULL);
    kernels((const char *[]){"", "broken", "time 100", "time 100", "time 100", "time 100",
                             "time 130", "time 130", "time 130"});
    cr_assert_eq(measure(), 0, "%s", err_message());
    expect_found(6, log(100.0 / 130));
    cr_expect_eq(found.n_skips, 2);
}

Test(history_bisect, ends_that_are_alike_leave_nothing_to_find)
{
    kernels((const char *[]){"", "time 90", "time 90", "time 90", "time 90", "time 90", "time 90",
                             "time 90", "time 100"});
    cr_assert_eq(measure(), 0, "%s", err_message());
    cr_expect_not(found.found);
    cr_expect(strstr(found.why, "not clearly different"), "%s", found.why);
    cr_expect_eq(found.n_pairs, 1);
}

Test(history_bisect, many_small_steps_are_not_blamed_on_one)
{
    noise = 0.03;
    kernels((const char *[]){"", "time 100.5", "time 101", "time 101.5", "time 102", "time 102.5",
                             "time 103", "time 103.5", "time 104"});
    cr_assert_eq(measure(), 0, "%s", err_message());
    cr_expect_not(found.found);
    cr_expect(strstr(found.why, "neither half"), "%s", found.why);
}

Test(history_bisect, a_last_kernel_that_is_refused_ends_it)
{
    kernels((const char *[]){"", "time 100", "time 100", "time 100", "time 100", "time 100",
                             "time 100", "time 100", "broken"});
    cr_expect_eq(measure(), ERR_CONFLICT);
    cr_expect(strstr(err_message(), "FAIL_BUILD"), "%s", err_message());
}

Test(history_bisect, a_last_kernel_that_is_wrong_ends_it_at_once)
{
    kernels((const char *[]){"", "time 100", "time 100", "time 100", "time 100", "time 100",
                             "time 100", "time 100", "wrong"});
    cr_expect_eq(measure(), ERR_CONFLICT);
    cr_expect(strstr(err_message(), "FAIL_CORRECTNESS"), "%s", err_message());
    cr_expect_eq(found.n_skips, 1, "nobody else is blamed");
}

Test(history_bisect, a_kernel_that_only_fails_the_check_can_be_measured_against)
{
    kernels((const char *[]){"", "wrong", "wrong", "time 100 wrong", "time 100 wrong",
                             "time 120 wrong", "time 120 wrong", "time 120", "time 120"});
    cr_assert_eq(measure(), 0, "%s", err_message());
    expect_found(5, log(100.0 / 120));
    cr_expect_eq(found.n_skips, 0);
}

Test(history_bisect, nothing_before_the_last_that_builds_is_said)
{
    fixture_write(&f, "kernel/kernel.c", "/* broken */\n");
    fixture_git(&f, "commit -qam broken", NULL);
    kernels((const char *[]){"", "broken", "broken", "broken", "broken", "broken", "broken",
                             "broken", "time 100"});
    cr_expect_eq(measure(), ERR_CONFLICT);
    cr_expect(strstr(err_message(), "no kernel before"), "%s", err_message());
    cr_expect_eq(found.n_skips, KERNELS - 1);
}
