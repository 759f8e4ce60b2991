/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/allowance.h"

#include <math.h>
#include <stdio.h>

bool allowance_over(const struct allowance *a, const struct spent *s, char *why, size_t bytes)
{
    if (a->score > 0 && s->score >= a->score)
        snprintf(why, bytes, "target reached: score %.4g of %.4g", s->score, a->score);
    else if (a->gain_percent > 0 && s->gain >= log1p(a->gain_percent / 100))
        snprintf(why, bytes, "target reached: %.2f %% faster of %.2f %%", 100 * expm1(s->gain),
                 a->gain_percent);
    else if (a->attempts > 0 && s->attempts >= a->attempts)
        snprintf(why, bytes, "budget spent: %lld attempts", (long long)s->attempts);
    else if (a->minutes > 0 && s->seconds >= 60 * a->minutes)
        snprintf(why, bytes, "budget spent: %.1f minutes", s->seconds / 60);
    else
        return false;
    return true;
}

double allowance_round(const struct allowance *a, const struct spent *s)
{
    double most = 60 * a->agent_minutes, left = 60 * a->minutes - s->seconds;

    if (a->minutes > 0 && (most == 0 || left < most))
        most = fmax(left, 1);
    return most;
}

static json_t *known(double x, bool is)
{
    return is ? json_real(round(100 * x) / 100) : json_null();
}

json_t *allowance_json(const struct allowance *a, const struct spent *s)
{
    json_t *o = json_object();
    bool counted = a->attempts > 0, timed = a->minutes > 0;

    json_object_set_new(o, "attempts", counted ? json_integer(a->attempts) : json_null());
    json_object_set_new(o, "attempts_left",
                        counted ? json_integer(a->attempts - s->attempts) : json_null());
    json_object_set_new(o, "minutes", known(a->minutes, timed));
    json_object_set_new(o, "minutes_left", known(fmax(0, a->minutes - s->seconds / 60), timed));
    json_object_set_new(o, "target_score", known(a->score, a->score > 0));
    json_object_set_new(o, "target_gain_percent", known(a->gain_percent, a->gain_percent > 0));
    json_object_set_new(o, "wins", json_integer(s->wins));
    json_object_set_new(o, "gain_percent", known(100 * expm1(s->gain), true));
    json_object_set_new(o, "score", known(s->score, s->score > 0));
    return o;
}
