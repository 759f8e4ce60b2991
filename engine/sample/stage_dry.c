/* SPDX-License-Identifier: Apache-2.0
 *
 * stage_dry.c: "don't repeat yourself" (p-e-w 2024, text-generation-webui pull request 5677). A
 * token that would make a repetition of the past L tokens longer costs multiplier * base ^ (L -
 * allowed). The lengths of all repetitions come from one pass over the past, newest token first
 * (the Z function, Gusfield 1997, section 1.4). */
#include "engine/sample/sampler_internal.h"
#include "engine/sample/vocabulary.h"

#include <math.h>
#include <string.h>

static bool dry_active(const struct sampler_options *o)
{
    return o->dry_multiplier > 0 && o->dry_last_n > 0;
}

static bool breaks(const struct sampler *s, int32_t id)
{
    const char *breakers = s->options.dry_breakers ? s->options.dry_breakers : "\n:\"*";
    size_t len;
    const char *piece = vocabulary_piece(s->vocabulary, id, &len);

    for (size_t i = 0; i < len; i++)
        if (strchr(breakers, piece[i]))
            return true;
    return len == 0;
}

/* z[i] = how many tokens from x[i] on are equal to those from x[0] on. */
static void z_function(const int32_t *x, size_t n, uint32_t *z)
{
    for (size_t i = 1, left = 0, right = 0; i < n; i++) {
        size_t k = i < right ? (z[i - left] < right - i ? z[i - left] : right - i) : 0;

        while (i + k < n && x[k] == x[i + k])
            k++;
        z[i] = (uint32_t)k;
        if (i + k > right) {
            left = i;
            right = i + k;
        }
    }
}

/* count[id] = length of the longest repetition that `id` would continue. */
static void lengths_mark(struct sampler *s, size_t n)
{
    const int32_t *past = s->backward;
    size_t limit = 0;

    while (limit < n && !breaks(s, past[limit]))
        limit++;
    z_function(past, n, s->match);
    for (size_t i = 1; i < n; i++) {
        uint32_t *length = &s->count[past[i - 1]];
        uint32_t z = s->match[i] < limit ? s->match[i] : (uint32_t)limit;

        *length = z > *length ? z : *length;
    }
}

static void dry_apply(struct sampler *s, struct candidates *c)
{
    const struct sampler_options *o = &s->options;
    size_t n = sampler_past(s, o->dry_last_n);

    if (n < 2)
        return;
    lengths_mark(s, n);
    for (size_t i = 0; i < c->n; i++) {
        uint32_t length = s->count[c->at[i].id];

        if (length >= o->dry_allowed && length > 0 && !breaks(s, c->at[i].id))
            c->at[i].logit -= (float)fmin(
                1e6, o->dry_multiplier * pow(o->dry_base, (double)length - (double)o->dry_allowed));
    }
    for (size_t i = 0; i < n; i++)
        s->count[s->backward[i]] = 0;
    candidates_changed(c);
}

const struct stage stage_dry = {"dry", dry_active, dry_apply, true, true};
