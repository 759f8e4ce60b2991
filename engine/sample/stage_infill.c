/* SPDX-License-Identifier: Apache-2.0
 *
 * stage_infill.c: choosing between ending and going on when a gap in a text is filled (after Gerganov
 * 2024, llama.cpp pull request 9896; the definition there is prose, this is one reading of it). To be
 * used after top-k and top-p. 1. When the tokens that end, times the number of candidates, outweigh
 * the others, only they are left. 2. Of two tokens of which one begins with the other, the likelier
 * takes the p of both: they are steps on one way. 3. Others with p < 0.2 go; with none left, it is
 * the likeliest end. */
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

/* Keep the candidates that are ends (or not), or have at least p; their logits become ln p. */
static void keep(const struct sampler *s, struct candidates *c, bool ends, double p)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (c->at[i].p <= 0 || (is_end(s, &c->at[i]) != ends && c->at[i].p < p))
            continue;
        c->at[kept] = c->at[i];
        c->at[kept++].logit = (float)log(c->at[i].p);
    }
    c->n = kept;
    candidates_changed(c);
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
    if (ends * (double)c->n > others) {
        keep(s, c, true, INFINITY);
        return;
    }
    join(s, c);
    for (size_t i = 0; i < c->n; i++)
        n_others += !is_end(s, &c->at[i]) && c->at[i].p >= least_p;
    if (n_others || ends == 0)
        keep(s, c, true, n_others ? least_p : 0);
    else
        keep(s, c, true, INFINITY);
}

const struct stage stage_infill = {"infill", always, infill_apply, true, true};
