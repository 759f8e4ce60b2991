/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/sampler.h"

#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct sampler {
    struct sampler_options options;
    int32_t n_vocab;
    struct rng rng;
    int32_t *heap;                       /* [n_vocab] ids, the likeliest at 0 */
    struct sampler_candidate *candidate; /* [n_vocab] */
};

int sampler_open(const struct sampler_options *o, int32_t n_vocab, struct sampler **out)
{
    struct sampler *s;

    *out = NULL;
    if (n_vocab < 1 || !(o->temperature >= 0) || !(o->top_p > 0) || o->top_p > 1)
        return err_set(ERR_RANGE, "sampling at temperature %g, top-p %g from %d tokens",
                       o->temperature, o->top_p, n_vocab);
    s = calloc(1, sizeof *s);
    if (!s)
        return err_set(ERR_NOMEM, "no memory for a sampler");
    s->options = *o;
    s->n_vocab = n_vocab;
    rng_init(&s->rng, o->seed);
    s->heap = calloc((size_t)n_vocab, sizeof *s->heap);
    s->candidate = calloc((size_t)n_vocab, sizeof *s->candidate);
    if (!s->heap || !s->candidate) {
        sampler_close(&s);
        return err_set(ERR_NOMEM, "no memory to sample from %d tokens", n_vocab);
    }
    *out = s;
    return 0;
}

void sampler_close(struct sampler **s)
{
    if (!*s)
        return;
    free((*s)->heap);
    free((*s)->candidate);
    free(*s);
    *s = NULL;
}

/* --- a heap of ids: few are taken of many, so sorting all would be waste --- */

static bool likelier(const float *logits, int32_t a, int32_t b)
{
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
}

static void heap_sift(int32_t *heap, int32_t n, int32_t at, const float *logits)
{
    int32_t id = heap[at];

    for (int32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && likelier(logits, heap[child + 1], heap[child]))
            child++;
        if (!likelier(logits, heap[child], id))
            break;
        heap[at] = heap[child];
    }
    heap[at] = id;
}

static void heap_make(int32_t *heap, int32_t n, const float *logits)
{
    for (int32_t i = 0; i < n; i++)
        heap[i] = i;
    for (int32_t i = n / 2; i-- > 0;)
        heap_sift(heap, n, i, logits);
}

/* --- the distribution --- */

/* Sum of exp((logit - highest) / temperature) over the whole vocabulary. */
static double mass_of_all(const struct sampler *s, const float *logits, double highest)
{
    double sum = 0;

    for (int32_t i = 0; i < s->n_vocab; i++)
        sum += exp(((double)logits[i] - highest) / s->options.temperature);
    return sum;
}

/* Take from the heap the `keep` likeliest, or fewer once they hold `enough`. */
static size_t take(struct sampler *s, const float *logits, size_t keep, double enough)
{
    double highest = (double)logits[s->heap[0]], held = 0;
    int32_t left = s->n_vocab;
    size_t n = 0;

    while (n < keep && held < enough) {
        int32_t id = s->heap[0];
        double mass = exp(((double)logits[id] - highest) / s->options.temperature);

        s->candidate[n++] = (struct sampler_candidate){id, mass};
        held += mass;
        s->heap[0] = s->heap[--left];
        heap_sift(s->heap, left, 0, logits);
    }
    return n;
}

/* How many of the n candidates top_p keeps. */
static size_t cut(const struct sampler *s, size_t n)
{
    double sum = 0, held = 0;
    size_t keep = 0;

    if (s->options.top_p >= 1)
        return n;
    for (size_t i = 0; i < n; i++)
        sum += s->candidate[i].p;
    while (keep < n && held < s->options.top_p * sum)
        held += s->candidate[keep++].p;
    return keep ? keep : 1;
}

size_t sampler_distribution(struct sampler *s, const float *logits,
                            const struct sampler_candidate **out)
{
    const struct sampler_options *o = &s->options;
    size_t n_vocab = (size_t)s->n_vocab, n;
    double sum = 0;

    heap_make(s->heap, s->n_vocab, logits);
    if (o->top_k && o->top_k < n_vocab)
        n = cut(s, take(s, logits, o->top_k, INFINITY));
    else
        n = take(s, logits, n_vocab,
                 o->top_p < 1 ? o->top_p * mass_of_all(s, logits, (double)logits[s->heap[0]])
                              : INFINITY);
    for (size_t i = 0; i < n; i++)
        sum += s->candidate[i].p;
    for (size_t i = 0; i < n; i++)
        s->candidate[i].p /= sum;
    *out = s->candidate;
    return n;
}

static int32_t likeliest(const struct sampler *s, const float *logits)
{
    int32_t best = 0;

    for (int32_t i = 1; i < s->n_vocab; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

int32_t sampler_pick(struct sampler *s, const float *logits)
{
    const struct sampler_candidate *c;
    double r, held = 0;
    size_t n;

    if (s->options.temperature == 0)
        return likeliest(s, logits);
    n = sampler_distribution(s, logits, &c);
    r = rng_uniform(&s->rng);
    for (size_t i = 0; i + 1 < n; i++) {
        held += c[i].p;
        if (r < held)
            return c[i].id;
    }
    return c[n - 1].id;
}
