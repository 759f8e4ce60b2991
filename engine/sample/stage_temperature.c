/* SPDX-License-Identifier: Apache-2.0
 *
 * stage_temperature.c: flatter or sharper. */
#include "engine/sample/sampler_internal.h"

#include <math.h>

static bool always(const struct sampler_options *o)
{
    (void)o;
    return true;
}

static void greedy_apply(struct sampler *s, struct candidates *c)
{
    (void)s;
    candidates_sort(c, 1);
    candidates_keep(c, 1);
}

const struct stage stage_greedy = {"greedy", always, greedy_apply, false, false};

/* --- temperature (Ackley, Hinton and Sejnowski 1985), moved with the entropy when it has a range
 * ("dynamic temperature", kalomaze 2023): low where the model is sure, high where it is not --- */

static bool temperature_active(const struct sampler_options *o)
{
    return o->temperature != 1 || o->dynamic_range > 0;
}

static double temperature_of(const struct sampler_options *o, struct candidates *c)
{
    double low = fmax(0, o->temperature - o->dynamic_range), share;

    if (o->dynamic_range <= 0)
        return o->temperature;
    if (c->n < 2)
        return 1;
    candidates_weigh(c);
    share = candidates_entropy(c) / log((double)c->n); /* of the highest entropy there can be */
    return low + (o->temperature + o->dynamic_range - low) * pow(share, o->dynamic_exponent);
}

static void temperature_apply(struct sampler *s, struct candidates *c)
{
    double temperature = temperature_of(&s->options, c);

    if (temperature < SAMPLER_COLDEST) {
        greedy_apply(s, c);
        return;
    }
    for (size_t i = 0; i < c->n; i++)
        c->at[i].logit = (float)((double)c->at[i].logit / temperature);
    c->weighed = false;
}

const struct stage stage_temperature = {"temperature", temperature_active, temperature_apply, false,
                                        false};
