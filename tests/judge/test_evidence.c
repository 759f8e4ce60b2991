/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence goes on: the same code tried again, in a simulated world, in every state that an earlier
 * trial can have left behind. */
#include "judge/rule/rule.h"
#include "reference/base/err.h"
#include "tests/judge/sandbox.h"
#include "tests/judge/world.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct trial_record same_code = {.key = "k1", .margin = 0.004};

/* Try again after `before` (its evidence), with at most max_units in all. */
static struct judge_trial again(struct world *w, const struct judge_trial *before,
                                uint32_t max_units)
{
    struct judge_options o = {.max_units = max_units,
                              .evidence =
                                  before ? json_object_get(before->details, "evidence") : NULL};

    return world_try(w, &o, &same_code);
}

static json_t *evidence_of(const struct judge_trial *t)
{
    return json_object_get(t->details, "evidence");
}

static struct world open_world(void)
{
    struct world w = quiet_world(0.011); /* neither a gain of m nor its absence is shown soon */

    w.noise = 0.05;
    return w;
}

Test(evidence, a_trial_that_stayed_open_goes_on_where_it_stood)
{
    struct world w = open_world();
    struct judge_trial one = again(&w, NULL, 6), two;

    cr_assert_eq(one.verdict, JUDGE_INCONCLUSIVE);
    cr_assert_eq(one.n_units, 6);
    w.n_open = w.n_close = 0;
    two = again(&w, &one, 9);
    cr_expect_eq(two.n_units, 3);
    cr_expect_eq(two.n_earlier_units, 6);
    cr_expect_neq(two.evidence, 1);
    cr_expect_not_null(strstr(two.reason, "in 9 units (6 of them in earlier trials)"), "%s",
                       two.reason);
    cr_expect_float_eq(two.margin, 0.004, 1e-12);
    judge_trial_deinit(&one);
    judge_trial_deinit(&two);
}

/* Split or whole, the same units give the same evidence. */
Test(evidence, splitting_changes_nothing)
{
    struct world whole = open_world(), parts = whole;
    struct judge_trial all = again(&whole, NULL, 12), part = again(&parts, NULL, 1), next;

    for (uint32_t cap = 2; cap <= 12; cap++) {
        next = again(&parts, &part, cap);
        judge_trial_deinit(&part);
        part = next;
        parts.n_open = parts.n_close = 0;
    }
    cr_expect_eq(all.verdict, part.verdict);
    cr_expect_float_eq(all.evidence, part.evidence, 1e-12 * all.evidence);
    cr_expect_float_eq(all.evidence_loss, part.evidence_loss, 1e-12 * all.evidence_loss);
    cr_expect_float_eq(all.estimate, part.estimate, 1e-12);
    cr_expect_float_eq(all.low, part.low, 1e-9);
    judge_trial_deinit(&all);
    judge_trial_deinit(&part);
}

Test(evidence, other_code_starts_anew)
{
    struct world w = open_world();
    struct judge_trial one = again(&w, NULL, 6), two;
    struct trial_record other = {.key = "k2"};
    struct judge_options o = {.max_units = 6, .evidence = evidence_of(&one)};

    two = world_try(&w, &o, &other);
    cr_expect_eq(two.n_units, 6);
    cr_expect_eq(two.n_earlier_units, 0);
    cr_expect_float_eq(two.margin, RULE_MARGIN_MIN, 1e-12);
    judge_trial_deinit(&one);
    judge_trial_deinit(&two);
}

Test(evidence, what_was_given_up_is_not_measured_again)
{
    struct world w = quiet_world(0);
    struct judge_trial one = again(&w, NULL, 0), two, three;
    uint32_t n_units = w.n_units[0], n_peaks = w.n_peaks;

    cr_assert_eq(one.verdict, JUDGE_LOSS);
    json_object_set_new(evidence_of(&one), "experiment", json_integer(12));
    two = again(&w, &one, 0);
    cr_expect_eq(two.verdict, JUDGE_LOSS);
    cr_expect_eq(two.n_units, 0);
    cr_expect_eq(two.n_earlier_units, n_units);
    cr_expect_eq(w.n_units[0], n_units);
    cr_expect_eq(w.n_peaks, n_peaks);
    cr_expect_not_null(strstr(two.reason, "before (experiment 12), and that stands: no gain"), "%s",
                       two.reason);
    cr_expect_float_eq(two.estimate, one.estimate, 1e-12);
    cr_expect(json_equal(evidence_of(&one), evidence_of(&two)));
    three = again(&w, &two, 0);
    cr_expect_str_eq(three.reason, two.reason);
    judge_trial_deinit(&one);
    judge_trial_deinit(&two);
    judge_trial_deinit(&three);
}

Test(evidence, the_cap_counts_all_tries_together)
{
    struct world w = open_world();
    struct judge_trial one, two;

    w.noise = 0.2; /* undecided to the end */
    w.gain[0] = w.gain[1] = 0.008;
    one = again(&w, NULL, 0);
    cr_assert_eq(one.verdict, JUDGE_INCONCLUSIVE, "%s", one.reason);
    cr_assert_eq(one.n_units, RULE_CAP_UNITS);
    two = again(&w, &one, 0);
    cr_expect_eq(two.verdict, JUDGE_INCONCLUSIVE);
    cr_expect_eq(two.n_units, 0);
    judge_trial_deinit(&one);
    judge_trial_deinit(&two);
}

/* The confirmation's alpha is spent once for all tries of the same code. */
Test(evidence, a_failed_confirmation_is_not_repeated)
{
    struct world w = quiet_world(0.03);
    struct judge_trial one, two;

    w.gain[1] = 0;
    one = again(&w, NULL, 0);
    cr_assert_eq(one.verdict, JUDGE_INCONCLUSIVE);
    cr_assert(one.n_confirm_units > 0);
    two = again(&w, &one, 0);
    cr_expect_eq(two.verdict, JUDGE_INCONCLUSIVE);
    cr_expect_eq(two.n_units + two.n_confirm_units, 0);
    cr_expect_eq(two.n_earlier_units, one.n_units + one.n_confirm_units);
    judge_trial_deinit(&one);
    judge_trial_deinit(&two);
}

Test(evidence, an_interrupted_confirmation_goes_on_without_a_first_stage)
{
    struct world w = quiet_world(0.03);
    struct judge_trial one = again(&w, NULL, 0), two;
    json_t *kept = json_deep_copy(evidence_of(&one)), *stages = json_object_get(kept, "stages");
    json_t *confirm = json_deep_copy(json_array_get(stages, 0));
    struct judge_options o = {.evidence = kept};

    /* As if the confirmation had seen the first stage's units and then been interrupted. */
    json_object_set_new(confirm, "accepted", json_false());
    json_array_append_new(stages, confirm);
    w.n_open = w.n_close = 0;
    w.n_open = w.n_close = 1; /* what opens next is a confirmation */
    two = world_try(&w, &o, &same_code);
    cr_expect_eq(two.verdict, JUDGE_WIN);
    cr_expect_eq(two.n_units, 0);
    cr_expect_eq(two.n_confirm_units, 1);
    cr_expect_eq(two.n_earlier_units, 2 * one.n_units);
    json_decref(kept);
    judge_trial_deinit(&one);
    judge_trial_deinit(&two);
}

/* A win is not evidence for the next one: that has to be confirmed again. */
Test(evidence, a_win_tried_again_is_confirmed_again)
{
    struct world w = quiet_world(0.03);
    struct judge_trial one = again(&w, NULL, 0), two;

    cr_assert_eq(one.verdict, JUDGE_WIN);
    cr_expect_eq(json_array_size(json_object_get(evidence_of(&one), "stages")), 1);
    w.n_open = w.n_close = 1;
    w.gain[1] = 0;
    two = again(&w, &one, 0);
    cr_expect_eq(two.verdict, JUDGE_INCONCLUSIVE);
    cr_expect_eq(two.n_units, 0);
    cr_expect(two.n_confirm_units > 0);
    judge_trial_deinit(&one);
    judge_trial_deinit(&two);
}

Test(evidence, a_crash_leaves_the_units_before_it)
{
    struct world w = open_world();
    struct judge_trial one, two;

    w.fail_at = 5;
    one = again(&w, NULL, 0);
    cr_assert_eq(one.verdict, JUDGE_FAIL_CRASH);
    w.n_open = w.n_close = 0;
    two = again(&w, &one, 6);
    cr_expect_eq(two.n_earlier_units, 4);
    cr_expect_eq(two.n_units, 2);
    judge_trial_deinit(&one);
    judge_trial_deinit(&two);
}

/* A retry that gets to no unit forgets nothing, or a machine that is unfit for a moment, and a
 * kernel that crashes when it likes, would buy a fresh start. */
Test(evidence, a_trial_without_a_unit_forgets_nothing)
{
    for (int crash = 0; crash < 2; crash++) {
        struct world w = open_world();
        struct judge_trial one = again(&w, NULL, 6), two;

        w.n_open = w.n_close = 0;
        w.fail_at = crash ? w.n_units[0] + 1 : 0;
        memset(w.implausible, !crash, sizeof w.implausible);
        two = again(&w, &one, 9);
        cr_expect_eq(two.verdict, crash ? JUDGE_FAIL_CRASH : JUDGE_UNFIT_MACHINE);
        cr_expect_eq(two.n_units, 0);
        cr_expect(json_equal(json_object_get(evidence_of(&one), "stages"),
                             json_object_get(evidence_of(&two), "stages")));
        cr_expect(json_equal(json_object_get(evidence_of(&one), "margin"),
                             json_object_get(evidence_of(&two), "margin")));
        cr_expect(json_is_false(json_object_get(evidence_of(&two), "closed")));
        judge_trial_deinit(&one);
        judge_trial_deinit(&two);
    }
}

Test(evidence, a_check_that_hangs_does_not_start_the_confirmation_anew)
{
    struct world w = quiet_world(0.03);
    struct judge_trial one = again(&w, NULL, 0), two;
    json_t *kept = json_deep_copy(evidence_of(&one)), *stages = json_object_get(kept, "stages");
    json_t *confirm = json_deep_copy(json_array_get(stages, 0));
    struct judge_options o = {.evidence = kept};

    json_object_set_new(confirm, "accepted", json_false());
    json_array_append_new(stages, confirm);
    w.hidden = JUDGE_FAIL_TIMEOUT;
    w.n_open = w.n_close = 0;
    two = world_try(&w, &o, &same_code);
    cr_expect_eq(two.verdict, JUDGE_FAIL_TIMEOUT);
    cr_expect(json_equal(json_object_get(evidence_of(&two), "stages"), stages));
    json_decref(kept);
    judge_trial_deinit(&one);
    judge_trial_deinit(&two);
}

Test(evidence, no_record_makes_the_margin_smaller_than_the_rules)
{
    struct world w = open_world();
    struct judge_trial one = again(&w, NULL, 6), two;

    json_object_set_new(evidence_of(&one), "margin", json_real(0));
    w.n_open = w.n_close = 0;
    two = again(&w, &one, 9);
    cr_expect_eq(two.margin, RULE_MARGIN_MIN);
    judge_trial_deinit(&one);
    judge_trial_deinit(&two);
}

Test(evidence, what_does_not_read_is_an_error)
{
    static const char *const broken[] = {
        "{\"key\":\"k1\"}",
        "{\"key\":\"k1\",\"verdict\":\"MAYBE\",\"stages\":[]}",
        "{\"key\":\"k1\",\"verdict\":\"LOSS\",\"stages\":[{}]}",
        "{\"key\":\"k1\",\"verdict\":\"LOSS\",\"stages\":[{\"units\":3,\"accept\":[2,2],"
        "\"give_up\":[1,2],\"d\":[0.1,0.1],\"veto\":[],\"cases\":[]}]}",
        "{\"key\":\"k1\",\"verdict\":\"LOSS\",\"stages\":[{\"units\":-1,\"accept\":[0,0],"
        "\"give_up\":[0,0],\"d\":[0.1,0.1],\"veto\":[],\"cases\":[]}]}",
    };
    struct evidence e;

    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        json_t *o = json_loads(broken[i], 0, NULL);

        cr_assert_not_null(o, "%zu", i);
        cr_expect_eq(evidence_read(o, "k1", &e), ERR_FORMAT, "%zu", i);
        cr_expect_eq(evidence_read(o, "k2", &e), 0, "%zu", i);
        cr_expect_not(e.found);
        json_decref(o);
    }
}

Test(evidence, the_key_is_the_question, .timeout = 120)
{
    struct sandbox box[2];
    struct judge_build *build[2];
    struct judge_options other;
    char key[5][SHA256_HEX];

    for (int i = 0; i < 2; i++) {
        sandbox_init(&box[i]);
        sandbox_tiny(&box[i], i ? "#define AFTER (void)0" : "");
        build[i] = sandbox_build(&box[i]);
    }
    sandbox_write(&box[1], "note.inc", "");
    other = box[0].options;
    other.focus = "gemv";
    cr_assert_eq(judge_evidence_key(build[0], build[1], &box[0].options, key[0]), 0);
    cr_assert_eq(judge_evidence_key(build[0], build[1], &box[1].options, key[1]), 0);
    cr_assert_eq(judge_evidence_key(build[0], build[1], &other, key[2]), 0);
    other.focus = NULL;
    other.features = "scalar";
    cr_assert_eq(judge_evidence_key(build[0], build[1], &other, key[3]), 0);
    cr_expect_str_eq(key[0], key[1]); /* seeds and folders are not part of the question */
    cr_expect_str_neq(key[0], key[2]);
    cr_expect_str_neq(key[0], key[3]);
    for (int i = 0; i < 2; i++) {
        judge_build_close(&build[i]);
        sandbox_deinit(&box[i]);
    }
}
