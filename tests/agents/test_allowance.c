/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/allowance.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

Test(allowance, is_over_at_the_first_limit_that_is_reached)
{
    const struct allowance a = {.attempts = 10, .minutes = 30, .score = 5000, .gain_percent = 10};
    struct spent s = {.attempts = 9, .seconds = 1799, .score = 4999, .gain = log(1.0999)};
    char why[128];

    cr_assert_not(allowance_over(&a, &s, why, sizeof why));
    s.attempts = 10;
    cr_assert(allowance_over(&a, &s, why, sizeof why));
    cr_assert_str_eq(why, "budget spent: 10 attempts");
    s.gain = log(1.1001);
    cr_assert(allowance_over(&a, &s, why, sizeof why));
    cr_assert_str_eq(why, "target reached: 10.01 % faster of 10.00 %", "%s", why);
    s = (struct spent){.score = 5000};
    cr_assert(allowance_over(&a, &s, why, sizeof why) && strstr(why, "score 5000"));
    s = (struct spent){.seconds = 1800};
    cr_assert(allowance_over(&a, &s, why, sizeof why) && strstr(why, "30.0 minutes"));
    s = (struct spent){.attempts = 1000, .seconds = 1e6, .score = 1e9, .gain = 3};
    cr_assert_not(allowance_over(&(struct allowance){0}, &s, why, sizeof why), "no limits");
}

Test(allowance, gives_a_round_no_more_time_than_the_campaign_has_left)
{
    struct spent s = {.seconds = 29 * 60};

    cr_assert_eq(allowance_round(&(struct allowance){0}, &s), 0);
    cr_assert_eq(allowance_round(&(struct allowance){.agent_minutes = 5}, &s), 300);
    cr_assert_eq(allowance_round(&(struct allowance){.minutes = 30}, &s), 60);
    cr_assert_eq(allowance_round(&(struct allowance){.minutes = 30, .agent_minutes = 5}, &s), 60);
    cr_assert_eq(allowance_round(&(struct allowance){.minutes = 90, .agent_minutes = 5}, &s), 300);
}

Test(allowance, says_what_is_left_and_null_for_what_has_no_limit)
{
    json_t *o = allowance_json(&(struct allowance){.attempts = 5},
                               &(struct spent){.attempts = 2, .wins = 1, .gain = log(1.05)});

    cr_assert_eq(json_integer_value(json_object_get(o, "attempts_left")), 3);
    cr_assert(json_is_null(json_object_get(o, "minutes_left")));
    cr_assert_float_eq(json_real_value(json_object_get(o, "gain_percent")), 5, 1e-9);
    json_decref(o);
}
