/* SPDX-License-Identifier: Apache-2.0
 *
 * stage_infill.c: choosing between ending and going on when a gap in a text is filled (Gerganov 2024,
 * llama.cpp pull request 9896). To be used after top-k and top-p. 1. When the tokens that end,
 * times three times the number of candidates, outweigh the others, only they are left. 2. Of two
 * tokens of which one begins with the other, the likelier takes the p of both: they are steps on one
 * way. 3. Others with p < 0.2 go; with none left, it is the likeliest end. 4. Of the n others that
 * are left those go whose share is less than 1 / (n + 1). */
#include "engine/sample/sampler_internal.h"
#include "engine/sample/vocabulary.h"

#include <math.h>
#include <string.h>

enum { LIKELIEST = 256 }; /* pairs are compared among that many */

static const double least_p = 0.2;

static bool always(const struct sampler_options *o)
{
    (void)o;
    return true;
}

static bool is_end(const struct sampler *s, const struct sampler_candidate *c)
{
    return vocabulary_is_end(s->vocabulary, c->id);
}

static bool one_begins_the_other(const struct sampler *s, int32_t a, int32_t b)
{
    size_t a_len, b_len;
    const char *a_bytes = vocabulary_piece(s->vocabulary, a, &a_len);
    const char *b_bytes = vocabulary_piece(s->vocabulary, b, &b_len);

    return a_len && b_len && !memcmp(a_bytes, b_bytes, a_len < b_len ? a_len : b_len);
}

/* The candidates are sorted: of a pair the first is the likelier. */
static void join(const struct sampler *s, struct candidates *c)
{
    for (size_t i = 0; i < c->n; i++) {
        for (size_t k = i + 1; k < c->n && c->at[i].p > 0; k++) {
            if (c->at[k].p > 0 && !is_end(s, &c->at[i]) && !is_end(s, &c->at[k]) &&
                one_begins_the_other(s, c->at[i].id, c->at[k].id)) {
                c->at[i].p += c->at[k].p;
                c->at[k].p = 0;
            }
        }
    }
}

/* Keep the candidates that are ends or have at least p; their logits become ln p. */
static void keep(const struct sampler *s, struct candidates *c, double p)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (c->at[i].p <= 0 || (!is_end(s, &c->at[i]) && c->at[i].p < p))
            continue;
        c->at[kept] = c->at[i];
        c->at[kept++].logit = (float)log(c->at[i].p);
    }
    c->n = kept;
    candidates_changed(c);
    candidates_weigh(c);
}

static size_t count_others(const struct sampler *s, const struct candidates *c, double p)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++)
        n += !is_end(s, &c->at[i]) && c->at[i].p >= p;
    return n;
}

static void infill_apply(struct sampler *s, struct candidates *c)
{
    double ends = 0, others = 0;
    size_t n_others = 0;

    candidates_sort(c, LIKELIEST);
    candidates_keep(c, c->n < LIKELIEST ? c->n : LIKELIEST);
    candidates_weigh(c);
    for (size_t i = 0; i < c->n; i++)
        *(is_end(s, &c->at[i]) ? &ends : &others) += c->at[i].p;
    if (3 * ends * (double)c->n > others) {
        keep(s, c, INFINITY);
        return;
    }
    join(s, c);
    n_others = count_others(s, c, least_p);
    if (!n_others) {
        keep(s, c, ends > 0 ? INFINITY : 0);
        candidates_sort(c, 1);
        candidates_keep(c, 1);
        return;
    }
    keep(s, c, least_p);
    keep(s, c, 1 / ((double)n_others + 1));
}

const struct stage stage_infill = {"infill", always, infill_apply, true, true};
