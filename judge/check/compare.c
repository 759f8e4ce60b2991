/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/check/compare.h"

#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Errors in ulp(S) are counted in four bins per octave from 2^-32 up; p99 is given as an upper
 * edge, at most two bins too high. */
enum { BINS = 256, BINS_PER_OCTAVE = 4, BIN_ZERO = 32 * BINS_PER_OCTAVE };

/* Past these a number says only "far off"; without them an error where none is allowed would be
 * infinite, which JSON cannot write. */
#define STATS_MAX 1e30
#define SHARE_MAX 1e6

struct tally {
    uint32_t bins[BINS];
    double sum_squares, error_squares, want_squares;
    double max_units, max_bound_share;
};

int compare_expect_init(struct problem_instance *in, uint32_t buffer, size_t first, size_t count,
                        struct compare_expect *out)
{
    size_t all = problem_output_count(in, buffer);
    int rc = ERR_NOMEM;

    memset(out, 0, sizeof *out);
    out->buffer = &in->buffers[buffer];
    out->first = first;
    out->count = count ? count : all;
    out->total = all;
    out->element_bytes = problem_output_element_bytes(in, buffer);
    out->expect.bytes = malloc(out->count * out->element_bytes);
    out->expect.want = malloc(out->count * sizeof(double));
    out->expect.bound = malloc(out->count * sizeof(double));
    out->expect.unit = malloc(out->count * sizeof(double));
    if (!out->expect.bytes || !out->expect.want || !out->expect.bound || !out->expect.unit)
        err_set(ERR_NOMEM, "out of memory for %zu expected values", out->count);
    else
        rc = reference_fn(in, buffer, first, out->count, &out->expect);
    if (rc < 0)
        compare_expect_deinit(out);
    return rc;
}

void compare_expect_deinit(struct compare_expect *e)
{
    free(e->expect.bytes);
    free(e->expect.want);
    free(e->expect.bound);
    free(e->expect.unit);
    memset(e, 0, sizeof *e);
}

uint32_t compare_sentinel(uint64_t seed)
{
    struct rng r;

    rng_init(&r, seed);
    return 0x7fc00000u | (uint32_t)(rng_next(&r) & 0x803fffffu);
}

void compare_sentinel_fill(unsigned char *to, size_t bytes, uint32_t sentinel)
{
    size_t i = 0;

    for (; i + sizeof sentinel <= bytes; i += sizeof sentinel)
        memcpy(to + i, &sentinel, sizeof sentinel);
    memcpy(to + i, &sentinel, bytes - i);
}

bool compare_sentinel_intact(const unsigned char *at, size_t bytes, size_t phase, uint32_t sentinel)
{
    unsigned char word[sizeof sentinel];

    memcpy(word, &sentinel, sizeof word);
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != word[(phase + i) % sizeof word])
            return false;
    return true;
}

/* Coordinates of element `index`, ne[0] counted in elements (blocks for block types). */
static void coordinates(const struct kernel_tensor *t, size_t index, size_t n_elements,
                        size_t at[4])
{
    size_t rows = (size_t)(t->ne[1] * t->ne[2] * t->ne[3]);
    size_t per_row = n_elements / (rows ? rows : 1);

    at[0] = index % per_row;
    index /= per_row;
    at[1] = index % (size_t)t->ne[1];
    index /= (size_t)t->ne[1];
    at[2] = index % (size_t)t->ne[2];
    at[3] = index / (size_t)t->ne[2];
}

size_t compare_element_offset(const struct kernel_tensor *t, size_t element_bytes, size_t index,
                              size_t n_elements)
{
    size_t at[4];

    coordinates(t, index, n_elements, at);
    return at[0] * element_bytes + at[1] * t->nb[1] + at[2] * t->nb[2] + at[3] * t->nb[3];
}

/* "y[row 3, column 7]": where element `index` is. */
static void describe_place(const struct compare_expect *e, size_t index, char *out, size_t room)
{
    size_t at[4];

    coordinates(&e->buffer->tensor, index, e->total, at);
    if (e->buffer->tensor.ne[2] * e->buffer->tensor.ne[3] > 1)
        snprintf(out, room, "%s[%zu, %zu, %zu, %zu]", e->buffer->name, at[0], at[1], at[2], at[3]);
    else
        snprintf(out, room, "%s[row %zu, column %zu]", e->buffer->name, at[0], at[1]);
}

static bool is_sentinel(const unsigned char *got, size_t bytes, uint32_t sentinel)
{
    return bytes % sizeof sentinel == 0 && compare_sentinel_intact(got, bytes, 0, sentinel);
}

static bool fail_exact(const struct compare_expect *e, size_t index, const unsigned char *got,
                       const unsigned char *want, uint32_t sentinel, char *message, size_t room)
{
    char place[96];
    size_t at = 0;

    describe_place(e, index, place, sizeof place);
    if (is_sentinel(got, e->element_bytes, sentinel)) {
        snprintf(message, room, "%s was never written", place);
        return false;
    }
    while (at + 1 < e->element_bytes && got[at] == want[at])
        at++;
    if (e->buffer->tensor.type == KERNEL_F32) {
        float g, w;

        memcpy(&g, got, sizeof g);
        memcpy(&w, want, sizeof w);
        snprintf(message, room, "%s = %.9g, must be exactly %.9g", place, (double)g, (double)w);
    } else if (e->buffer->tensor.type == KERNEL_I32) {
        int32_t g, w;

        memcpy(&g, got, sizeof g);
        memcpy(&w, want, sizeof w);
        snprintf(message, room, "%s = %d, must be %d", place, g, w);
    } else {
        snprintf(message, room, "%s: byte %zu of the block is 0x%02x, must be 0x%02x", place, at,
                 got[at], want[at]);
    }
    return false;
}

static bool check_exact(const struct compare_expect *e, const unsigned char *got, uint32_t sentinel,
                        char *message, size_t room)
{
    for (size_t i = 0; i < e->count; i++) {
        const unsigned char *want = e->expect.bytes + i * e->element_bytes;
        const unsigned char *g = got + compare_element_offset(&e->buffer->tensor, e->element_bytes,
                                                              e->first + i, e->total);

        if (!isinf(e->expect.bound[i]) && memcmp(g, want, e->element_bytes) != 0)
            return fail_exact(e, e->first + i, g, want, sentinel, message, room);
    }
    return true;
}

static bool same_class(double got, double want)
{
    if (isnan(want))
        return isnan(got);
    if (isinf(want))
        return got == want;
    return isfinite(got);
}

static void tally_add(struct tally *t, double error, double unit, double bound, double want)
{
    double units = error / unit;
    double share = bound > 0 ? error / bound : error > 0 ? HUGE_VAL : 0;
    int exponent = 0, bin = 0;

    if (units > 0) {
        double fraction = frexp(units, &exponent); /* 0.5 .. 1 */

        bin = BIN_ZERO + BINS_PER_OCTAVE * exponent - (int)(BINS_PER_OCTAVE * 2 * (1 - fraction));
        bin = bin < 1 ? 1 : bin >= BINS ? BINS - 1 : bin;
    }
    t->bins[bin]++;
    t->sum_squares += units * units;
    t->error_squares += error * error;
    t->want_squares += want * want;
    if (units > t->max_units)
        t->max_units = units;
    if (share > t->max_bound_share)
        t->max_bound_share = share;
}

/* Upper edge of the bin that holds the 99th percentile. */
static double tally_p99(const struct tally *t, size_t n)
{
    size_t left = n / 100;

    for (int bin = BINS - 1; bin > 0; bin--) {
        if (t->bins[bin] > left) {
            double edge = exp2((double)(bin + 1 - BIN_ZERO) / BINS_PER_OCTAVE);

            return edge < t->max_units ? edge : t->max_units;
        }
        left -= t->bins[bin];
    }
    return 0;
}

static void stats_merge(struct compare_stats *s, const struct tally *t, size_t n)
{
    s->max_units = fmin(fmax(s->max_units, t->max_units), STATS_MAX);
    s->p99_units = fmin(fmax(s->p99_units, tally_p99(t, n)), STATS_MAX);
    s->rms_units = fmin(fmax(s->rms_units, sqrt(t->sum_squares / (double)n)), STATS_MAX);
    s->max_bound_share = fmin(fmax(s->max_bound_share, t->max_bound_share), SHARE_MAX);
}

static bool fail_bound(const struct compare_expect *e, size_t i, double got, bool unwritten,
                       char *message, size_t room)
{
    const struct problem_expect *x = &e->expect;
    char place[96];

    describe_place(e, e->first + i, place, sizeof place);
    if (unwritten)
        snprintf(message, room, "%s was never written", place);
    else
        snprintf(message, room, "%s = %.9g, want %.9g +- %.3g; off by %.4g ulp(S)", place, got,
                 x->want[i], x->bound[i], fabs(got - x->want[i]) / x->unit[i]);
    return false;
}

/* Limits on the output as a whole. */
static bool check_limits(const struct compare_expect *e, const struct tally *t, char *message,
                         size_t room)
{
    double rms = sqrt(t->sum_squares / (double)e->count);
    double nmse = t->want_squares > 0 ? t->error_squares / t->want_squares : 0;

    if (e->count != e->total)
        return true;
    if (e->expect.rms_limit > 0 && !(rms <= e->expect.rms_limit)) {
        snprintf(message, room, "%s: RMS error %.4g ulp(S), at most %.4g is allowed",
                 e->buffer->name, rms, e->expect.rms_limit);
        return false;
    }
    if (e->expect.nmse_limit > 0 && !(nmse <= e->expect.nmse_limit)) {
        snprintf(message, room, "%s: normalised mean square error %.4g, at most %.4g is allowed",
                 e->buffer->name, nmse, e->expect.nmse_limit);
        return false;
    }
    return true;
}

static bool check_bound(const struct compare_expect *e, const unsigned char *got, uint32_t sentinel,
                        struct compare_stats *stats, char *message, size_t room)
{
    const struct problem_expect *x = &e->expect;
    size_t bad = SIZE_MAX;
    struct tally t = {0};
    double worst = 0;

    for (size_t i = 0; i < e->count; i++) {
        const unsigned char *at = got + compare_element_offset(&e->buffer->tensor, e->element_bytes,
                                                               e->first + i, e->total);
        float value;
        double error;

        if (isinf(x->bound[i]))
            continue;
        memcpy(&value, at, sizeof value);
        if (!same_class((double)value, x->want[i]))
            return fail_bound(e, i, (double)value, is_sentinel(at, sizeof value, sentinel), message,
                              room);
        if (!isfinite(x->want[i]))
            continue;
        error = fabs((double)value - x->want[i]);
        tally_add(&t, error, x->unit[i], x->bound[i], x->want[i]);
        if (!(error <= x->bound[i]) && error / x->unit[i] > worst) {
            worst = error / x->unit[i];
            bad = i;
        }
    }
    stats_merge(stats, &t, e->count);
    if (bad != SIZE_MAX) {
        float value;

        memcpy(&value,
               got + compare_element_offset(&e->buffer->tensor, e->element_bytes, e->first + bad,
                                            e->total),
               sizeof value);
        return fail_bound(e, bad, (double)value, false, message, room);
    }
    return check_limits(e, &t, message, room);
}

bool compare_check(const struct compare_expect *e, const unsigned char *got, uint32_t sentinel,
                   struct compare_stats *stats, char *message, size_t room)
{
    assert(e->expect.exact || e->buffer->tensor.type == KERNEL_F32);
    if (e->expect.exact)
        return check_exact(e, got, sentinel, message, room);
    return check_bound(e, got, sentinel, stats, message, room);
}
