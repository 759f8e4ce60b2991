/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/context.h"

#include "reference/base/err.h"
#include "tests/ratchet/ratchet_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static json_t *make(struct fixture *f, const struct context_options *o)
{
    struct ratchet *r = fixture_open(f);
    json_t *doc = NULL;

    cr_assert_eq(context_make(r, o, &doc), 0, "%s", err_message());
    ratchet_close(&r);
    return doc;
}

static const char *text(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static json_t *first(const json_t *doc, const char *key)
{
    return json_array_get(json_object_get(doc, key), 0);
}

/* The entry of the roofline for a case. */
static json_t *roof_of(const json_t *doc, const char *name)
{
    json_t *c;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(doc, "roofline"), "cases"), i,
                       c) if (strcmp(text(c, "name"), name) == 0) return c;
    return NULL;
}

/* A timed case of the shipped problem. */
static const char *timed_case(void)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (problem_shipped.cases[i].weight > 0)
            return problem_shipped.cases[i].name;
    return NULL;
}

Test(context, of_an_empty_ledger_says_what_is_not_known_and_why)
{
    struct fixture f;
    json_t *doc, *roofline;

    fixture_init(&f);
    doc = make(&f, &(struct context_options){0});
    cr_assert_str_eq(text(doc, "schema"), CONTEXT_SCHEMA);
    cr_assert(json_is_null(json_object_get(doc, "focus")));
    cr_assert_eq(json_array_size(json_object_get(doc, "last")), 0);
    cr_assert_eq(json_array_size(json_object_get(doc, "near")), 0);
    cr_assert(json_is_null(json_object_get(json_object_get(doc, "incumbent"), "experiment")));
    roofline = json_object_get(doc, "roofline");
    cr_assert(strstr(text(roofline, "reason"), "judge roofline"));
    cr_assert(json_is_null(json_object_get(first(roofline, "cases"), "utilisation")));
    cr_assert(strstr(text(json_object_get(doc, "profile"), "reason"), "judge profile"));
    json_decref(doc);
    fixture_deinit(&f);
}

Test(context, has_the_incumbents_time_whoever_measured_it_last)
{
    struct fixture f;
    json_t *doc;

    fixture_init(&f);
    f.case_name = timed_case();
    fixture_experiment(&f, JUDGE_WIN, FIXTURE_FASTER);
    doc = make(&f, &(struct context_options){0});
    cr_assert_float_eq(json_real_value(json_object_get(roof_of(doc, f.case_name), "ns")),
                       1000.0 / 3, 1e-6, "a win's own time");
    cr_assert_eq(
        json_integer_value(json_object_get(json_object_get(doc, "incumbent"), "experiment")), 1);
    json_decref(doc);
    fixture_experiment(&f, JUDGE_LOSS, "int kernel_fn = 3;\n");
    doc = make(&f, &(struct context_options){0});
    cr_assert_float_eq(json_real_value(json_object_get(roof_of(doc, f.case_name), "ns")), 350, 1e-6,
                       "of a loss the time of what it was compared with");
    cr_assert_eq(json_integer_value(json_object_get(roof_of(doc, f.case_name), "experiment")), 2);
    json_decref(doc);
    fixture_deinit(&f);
}

Test(context, lists_the_last_attempts_and_those_that_are_like_the_idea)
{
    struct fixture f;
    struct context_options o = {.near = "the sevenfold unrolling", .n_last = 2};
    json_t *doc, *last, *near;

    fixture_init(&f);
    fixture_experiment(&f, JUDGE_LOSS, "int sevenfold_unrolling;\nint kernel_fn;\n");
    fixture_experiment(&f, JUDGE_LOSS, "int other_things;\nint kernel_fn;\n");
    fixture_experiment(&f, JUDGE_WIN, "int yet_others;\nint kernel_fn;\n");
    doc = make(&f, &o);
    last = json_object_get(doc, "last");
    cr_assert_eq(json_array_size(last), 2);
    cr_assert_eq(json_integer_value(json_object_get(json_array_get(last, 0), "experiment")), 3);
    cr_assert_float_eq(json_real_value(json_object_get(json_array_get(last, 0), "percent")), 3.17,
                       1e-9, "rounded percent of time");
    cr_assert_str_eq(json_string_value(first(json_array_get(last, 0), "files")), "kernel/kernel.c");
    near = first(doc, "near");
    cr_assert_eq(json_integer_value(json_object_get(near, "experiment")), 1,
                 "found by the words of the lines it touched");
    cr_assert_gt(json_real_value(json_object_get(near, "similarity")), 0);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(doc, "verdicts"), "LOSS")), 2);
    json_decref(doc);
    fixture_deinit(&f);
}

Test(context, carries_what_the_caller_says_of_focus_budget_and_plateau)
{
    struct fixture f;
    json_t *budget = json_pack("{s:i}", "attempts_left", 3), *doc;
    struct context_options o = {.focus = "gemm",
                                .focus_reason = "far away",
                                .goal = "shorter",
                                .budget = budget,
                                .confinement = "landlock"};

    fixture_init(&f);
    doc = make(&f, &o);
    cr_assert_str_eq(text(json_object_get(doc, "focus"), "name"), "gemm");
    cr_assert_str_eq(text(json_object_get(doc, "focus"), "reason"), "far away");
    cr_assert_str_eq(text(doc, "goal"), "shorter");
    cr_assert_str_eq(text(json_object_get(doc, "contract"), "confinement"), "landlock");
    cr_assert_eq(
        json_integer_value(json_object_get(json_object_get(doc, "budget"), "attempts_left")), 3);
    cr_assert(json_is_null(json_object_get(doc, "plateau")));
    json_decref(doc);
    json_decref(budget);
    fixture_deinit(&f);
}

Test(context, puts_the_beginning_of_the_incumbents_profile_in)
{
    struct fixture f;
    json_t *doc, *profile;

    fixture_init(&f);
    f.evidence_key = "a key";
    fixture_experiment(&f, JUDGE_WIN, FIXTURE_FASTER);
    fixture_write(&f, "profiles/a code key/summary.md", "# Profile\n\nspills: none\n");
    doc = make(&f, &(struct context_options){0});
    profile = json_object_get(doc, "profile");
    cr_assert_str_eq(text(profile, "path"), "profiles/a code key/summary.md");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(profile, "lines"), 1)),
                     "spills: none");
    cr_assert(json_is_null(json_object_get(profile, "reason")));
    json_decref(doc);
    fixture_write(&f, "kernel/kernel.c", "int kernel_fn = 2; /* renamed */\n");
    fixture_git(&f, "commit -qam edited", NULL);
    doc = make(&f, &(struct context_options){0});
    profile = json_object_get(doc, "profile");
    cr_assert_eq(json_array_size(json_object_get(profile, "lines")), 2);
    cr_assert(strstr(text(profile, "reason"), "of the last win"));
    json_decref(doc);
    fixture_deinit(&f);
}
