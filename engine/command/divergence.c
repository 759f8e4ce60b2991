/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/divergence.h"

#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEGLIGIBLE -16.0 /* log probability */

struct divergence {
    double *kl, *dp; /* [capacity] of each prediction */
    size_t n, capacity;
    double nll, nll2, base, base2, both; /* sums of -ln p, squares, and the product */
    size_t n_same_top;
};

/* ln of the sum of exp(logits). */
static double log_sum_exp(const float *logits, int32_t n_vocab)
{
    double highest = (double)logits[0], sum;

    for (int32_t i = 1; i < n_vocab; i++)
        highest = fmax(highest, (double)logits[i]);
    sum = exp((double)logits[0] - highest);
    for (int32_t i = 1; i < n_vocab; i++)
        sum += exp((double)logits[i] - highest);
    /* cppcheck-suppress invalidFunctionArg; the highest adds 1 */
    return highest + log(sum);
}

double negative_log_likelihood(const float *logits, int32_t n_vocab, int32_t id)
{
    return log_sum_exp(logits, n_vocab) - (double)logits[id];
}

int divergence_open(struct divergence **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : err_set(ERR_NOMEM, "no memory");
}

void divergence_close(struct divergence **d)
{
    if (!*d)
        return;
    free((*d)->kl);
    free((*d)->dp);
    free(*d);
    *d = NULL;
}

static int divergence_grow(struct divergence *d)
{
    size_t n = d->capacity ? 2 * d->capacity : 1024;
    double *kl = realloc(d->kl, n * sizeof *kl), *dp;

    if (kl)
        d->kl = kl;
    dp = realloc(d->dp, n * sizeof *dp);
    if (dp)
        d->dp = dp;
    if (!kl || !dp)
        return err_set(ERR_NOMEM, "no memory for %zu predictions", n);
    d->capacity = n;
    return 0;
}

static int32_t index_of_highest(const float *x, int32_t n)
{
    int32_t best = 0;

    for (int32_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

int divergence_add(struct divergence *d, const float *base, const float *logits, int32_t n_vocab,
                   int32_t id)
{
    double lse = log_sum_exp(logits, n_vocab), nll = lse - (double)logits[id], kl = 0;

    if (d->n == d->capacity)
        TRY(divergence_grow(d));
    for (int32_t i = 0; i < n_vocab; i++)
        if ((double)base[i] > NEGLIGIBLE)
            kl += exp((double)base[i]) * ((double)base[i] - ((double)logits[i] - lse));
    d->kl[d->n] = kl;
    d->dp[d->n++] = exp(-nll) - exp((double)base[id]);
    d->nll += nll;
    d->nll2 += nll * nll;
    d->base -= (double)base[id];
    d->base2 += (double)base[id] * base[id];
    d->both -= nll * (double)base[id];
    d->n_same_top += index_of_highest(base, n_vocab) == index_of_highest(logits, n_vocab);
    return 0;
}

/* --- the report --- */

/* Mean of n numbers and its standard error, from their sum and sum of squares. */
static struct estimate mean_of(double sum, double squares, size_t n)
{
    double mean = sum / (double)n, variance = fmax(squares / (double)n - mean * mean, 0);

    return (struct estimate){mean, n > 1 ? sqrt(variance / (double)(n - 1)) : 0};
}

static struct estimate perplexity_of(double sum, double squares, size_t n)
{
    struct estimate e = mean_of(sum, squares, n);

    return (struct estimate){exp(e.value), exp(e.value) * e.error};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Between the two neighbours of the place, in proportion. */
static double percentile(const double *sorted, size_t n, double fraction)
{
    double at = fraction * (double)(n - 1);
    size_t i = (size_t)at;

    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

/* Sorts the values: nothing needs their order. */
static void kl_report(const struct divergence *d, struct divergence_report *out)
{
    double sum = 0, squares = 0;

    for (size_t i = 0; i < d->n; i++) {
        sum += d->kl[i];
        squares += d->kl[i] * d->kl[i];
    }
    out->kl = mean_of(sum, squares, d->n);
    qsort(d->kl, d->n, sizeof *d->kl, by_value);
    out->kl_min = d->kl[0];
    out->kl_max = d->kl[d->n - 1];
    out->kl_50 = percentile(d->kl, d->n, 0.5);
    out->kl_99 = percentile(d->kl, d->n, 0.99);
    out->kl_999 = percentile(d->kl, d->n, 0.999);
}

static void dp_report(const struct divergence *d, struct divergence_report *out)
{
    double sum = 0, squares = 0, fourths = 0;
    struct estimate square;

    for (size_t i = 0; i < d->n; i++) {
        double s = d->dp[i] * d->dp[i];

        sum += d->dp[i];
        squares += s;
        fourths += s * s;
        out->dp_max = fmax(out->dp_max, fabs(d->dp[i]));
    }
    out->dp = mean_of(sum, squares, d->n);
    square = mean_of(squares, fourths, d->n);
    out->dp_rms.value = sqrt(square.value);
    out->dp_rms.error = square.value > 0 ? square.error / (2 * out->dp_rms.value) : 0;
}

void divergence_report(const struct divergence *d, struct divergence_report *out)
{
    double ratio = d->nll - d->base;

    *out = (struct divergence_report){.n = d->n};
    out->perplexity = perplexity_of(d->nll, d->nll2, d->n);
    out->base_perplexity = perplexity_of(d->base, d->base2, d->n);
    out->log_ratio = mean_of(ratio, d->nll2 + d->base2 - 2 * d->both, d->n);
    kl_report(d, out);
    dp_report(d, out);
    out->same_top = mean_of((double)d->n_same_top, (double)d->n_same_top, d->n);
}
