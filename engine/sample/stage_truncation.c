/* SPDX-License-Identifier: Apache-2.0
 *
 * stage_truncation.c: the stages that drop candidates. Each looks at the distribution over what the
 * stages before it have left, and leaves at least one. */
#include "engine/sample/sampler_internal.h"

#include <math.h>

static size_t at_least_one(size_t n)
{
    return n ? n : 1;
}

/* --- top-k (Fan et al. 2018, "Hierarchical Neural Story Generation") --- */

static bool top_k_active(const struct sampler_options *o)
{
    return o->top_k > 0;
}

static void top_k_apply(struct sampler *s, struct candidates *c)
{
    size_t k = s->options.top_k < c->n ? s->options.top_k : c->n;

    candidates_sort(c, k);
    candidates_keep(c, k);
}

const struct stage stage_top_k = {"top-k", top_k_active, top_k_apply, false, false};

/* --- top-p (Holtzman et al. 2019, "The Curious Case of Neural Text Degeneration") --- */

static bool top_p_active(const struct sampler_options *o)
{
    return o->top_p < 1;
}

/* How many of the likeliest hold the share p, sorting no further than needed. */
static size_t nucleus(struct candidates *c, double p)
{
    double held = 0;
    size_t n = 0;

    while (n < c->n && held < p) {
        if (n == c->n_sorted)
            candidates_sort(c, n < 32 ? 64 : 2 * n);
        held += c->at[n++].p;
    }
    return at_least_one(n);
}

static void top_p_apply(struct sampler *s, struct candidates *c)
{
    candidates_weigh(c);
    candidates_keep(c, nucleus(c, s->options.top_p));
}

const struct stage stage_top_p = {"top-p", top_p_active, top_p_apply, false, false};

/* --- min-p (Nguyen et al. 2024, "Turning Up the Heat: Min-p Sampling") --- */

static bool min_p_active(const struct sampler_options *o)
{
    return o->min_p > 0;
}

static void min_p_apply(struct sampler *s, struct candidates *c)
{
    candidates_keep_above(c, candidates_highest(c) + log(s->options.min_p));
}

const struct stage stage_min_p = {"min-p", min_p_active, min_p_apply, false, false};

/* --- typical (Meister et al. 2022, "Locally Typical Sampling"): the fewest tokens that hold the
 * share, beginning with those whose surprise is nearest to the entropy --- */

static bool typical_active(const struct sampler_options *o)
{
    return o->typical_p < 1;
}

/* spare: index, minus distance from the entropy, and p of every candidate. */
static void typical_rank(struct candidates *c)
{
    double entropy = candidates_entropy(c);

    for (size_t i = 0; i < c->n; i++)
        c->spare[i] = (struct sampler_candidate){
            (int32_t)i, (float)-fabs(-log(c->at[i].p) - entropy), c->at[i].p};
}

static void typical_apply(struct sampler *s, struct candidates *c)
{
    double held = 0;
    size_t n = 0, sorted = 0, kept = 0, n_sorted = 0;

    candidates_weigh(c);
    typical_rank(c);
    for (; n < c->n && held < s->options.typical_p; n++) {
        if (n == sorted) {
            candidates_order(c->spare, c->n, sorted, n < 32 ? 64 : 2 * n);
            sorted = n < 32 ? 64 : 2 * n;
        }
        held += c->spare[n].p;
        c->at[c->spare[n].id].p = -1;
    }
    for (size_t i = 0; i < c->n; i++) {
        if (c->at[i].p >= 0)
            continue;
        n_sorted += i < c->n_sorted;
        c->at[kept++] = c->at[i];
    }
    c->n = kept;
    c->n_sorted = n_sorted;
    c->weighed = false;
}

const struct stage stage_typical = {"typical", typical_active, typical_apply, true, false};

/* --- tail-free (Phénix and Egan 2019, "Tail Free Sampling"): cut where the sorted distribution has
 * used up the share z of its curvature --- */

static bool tail_free_active(const struct sampler_options *o)
{
    return o->tail_free < 1;
}

static double curvature(const struct candidates *c, size_t i)
{
    return fabs(c->at[i].p - 2 * c->at[i + 1].p + c->at[i + 2].p);
}

static void tail_free_apply(struct sampler *s, struct candidates *c)
{
    double sum = 0, held = 0;
    size_t keep = 0;

    if (c->n < 3)
        return;
    candidates_sort(c, c->n);
    candidates_weigh(c);
    for (size_t i = 0; i + 2 < c->n; i++)
        sum += curvature(c, i);
    if (sum == 0)
        return;
    while (keep + 2 < c->n && (held += curvature(c, keep) / sum) <= s->options.tail_free)
        keep++;
    candidates_keep(c, at_least_one(keep));
}

const struct stage stage_tail_free = {"tail-free", tail_free_active, tail_free_apply, false, false};

/* --- top-n-sigma (Tang et al. 2024, "Top-nσ: Not All Logits Are You Need") --- */

static bool top_n_sigma_active(const struct sampler_options *o)
{
    return o->top_n_sigma > 0;
}

static void top_n_sigma_apply(struct sampler *s, struct candidates *c)
{
    double mean = 0, variance = 0;

    for (size_t i = 0; i < c->n; i++)
        mean += (double)c->at[i].logit / (double)c->n;
    for (size_t i = 0; i < c->n; i++) {
        double d = (double)c->at[i].logit - mean;

        variance += d * d / (double)c->n;
    }
    candidates_keep_above(c, candidates_highest(c) - s->options.top_n_sigma * sqrt(variance));
}

const struct stage stage_top_n_sigma = {"top-n-sigma", top_n_sigma_active, top_n_sigma_apply, false,
                                        false};

/* --- eta (Hewitt et al. 2022, "Truncation Sampling as Language Model Desmoothing"):
 * p >= min(epsilon, sqrt(epsilon) exp(-entropy)) --- */

static bool eta_active(const struct sampler_options *o)
{
    return o->eta > 0;
}

static void eta_apply(struct sampler *s, struct candidates *c)
{
    double epsilon = s->options.eta;

    candidates_weigh(c);
    candidates_keep_likely(c, fmin(epsilon, sqrt(epsilon) * exp(-candidates_entropy(c))));
}

const struct stage stage_eta = {"eta", eta_active, eta_apply, false, false};

/* --- XTC, "exclude top choices" (p-e-w 2024, text-generation-webui pull request 6335): sometimes
 * all the tokens that would be good enough but the least likely of them --- */

static bool xtc_active(const struct sampler_options *o)
{
    return o->xtc_probability > 0 && o->xtc_threshold <= 0.5;
}

static void xtc_apply(struct sampler *s, struct candidates *c)
{
    size_t top = 0;

    if (rng_uniform(&s->rng) >= s->options.xtc_probability)
        return;
    candidates_weigh(c);
    for (size_t i = 0; i < c->n; i++)
        top += c->at[i].p >= s->options.xtc_threshold;
    if (top < 2)
        return;
    candidates_sort(c, top);
    for (size_t i = top - 1; i < c->n; i++)
        c->at[i + 1 - top] = c->at[i];
    candidates_keep(c, c->n - (top - 1));
    c->n_sorted = 1;
}

const struct stage stage_xtc = {"xtc", xtc_active, xtc_apply, true, false};
