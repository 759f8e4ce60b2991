/* SPDX-License-Identifier: Apache-2.0
 *
 * Bisection by measuring. The last kernel of the range is measured against older ones, never an old
 * one against an older: the newer side of a trial must pass today's check, which knows more than old
 * kernels do; the older side must only build. What lies between two kernels is the difference of
 * what the last one is faster than each. */
#include "ratchet/audit/rematch.h"
#include "ratchet/history/bisect.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <string.h>

struct search {
    struct ratchet *r;
    const struct bisect_options *o;
    const struct bisect *b;
    struct honesty_sum
        *behind; /* by how much the last kernel is faster than point i, once measured */
    struct bisect_found *found;
};

/* --- one pair --- */

static void skip_add(struct search *s, size_t point, const char *reason)
{
    struct bisect_skip *skip = &s->found->skips[s->found->n_skips++];

    skip->point = point;
    snprintf(skip->reason, sizeof skip->reason, "%.299s", reason);
}

static const char *skipped(const struct search *s, size_t point)
{
    for (size_t i = 0; i < s->found->n_skips; i++)
        if (s->found->skips[i].point == point)
            return s->found->skips[i].reason;
    return NULL;
}

static struct rematch_options how_of(const struct search *s, bool build_only)
{
    return (struct rematch_options){.focus = s->o->case_name,
                                    .features =
                                        s->o->features ? s->o->features : RECORD_FEATURES_ALL,
                                    .max_units = s->o->max_units ? s->o->max_units : BISECT_UNITS,
                                    .build_only = build_only};
}

/* Does a kernel build against today's contract? 1 or 0; a kernel that does not is skipped. The judge
 * keeps its object, so what asking costs measuring saves. */
static int builds(struct search *s, size_t point)
{
    const struct rematch_options how = how_of(s, true);
    const git_oid *commit = &s->b->points[point].commit;
    struct judge_trial t;
    char reason[300];
    bool refused;

    if (skipped(s, point))
        return 0;
    TRY(rematch(s->r, &how, commit, commit, &t));
    refused = t.verdict != JUDGE_SAME_CODE && t.verdict != JUDGE_INCONCLUSIVE;
    snprintf(reason, sizeof reason, "%s: %.240s", s->r->judge->verdict_name(t.verdict), t.reason);
    s->r->judge->release(&t);
    if (refused)
        skip_add(s, point, reason);
    return !refused;
}

static void pair_say(struct search *s, size_t from, size_t to)
{
    struct strbuf text = {0};

    strbuf_addf(&text, "measuring %s: ", s->o->case_name);
    bisect_point_name(&s->b->points[to], &text);
    strbuf_addf(&text, " against ");
    bisect_point_name(&s->b->points[from], &text);
    ratchet__say(s->r, "%s", text.data);
    strbuf_deinit(&text);
}

/* Measure points[to] against points[from], which both build: 1, or 0 when a gate of today's judge
 * stops it, with the reason. */
static int pair_measure(struct search *s, size_t from, size_t to, struct bisect_pair *out,
                        char reason[300])
{
    const struct rematch_options how = how_of(s, false);
    struct judge_trial t;
    int rc;

    pair_say(s, from, to);
    TRY(rematch(s->r, &how, &s->b->points[to].commit, &s->b->points[from].commit, &t));
    *out = (struct bisect_pair){.from = from, .to = to};
    rc = rematch_sum(&t, s->o->case_name, &out->change);
    snprintf(reason, 300, "%s: %.240s", s->r->judge->verdict_name(t.verdict), t.reason);
    s->r->judge->release(&t);
    if (rc == 1)
        s->found->pairs[s->found->n_pairs++] = *out;
    return rc;
}

/* Measure the last kernel against a point: 1, or 0 when that is passed over. */
static int point_measure(struct search *s, size_t point)
{
    struct bisect_pair pair;
    char reason[300];
    int rc = builds(s, point);

    if (rc == 1) {
        rc = pair_measure(s, point, s->b->n - 1, &pair, reason);
        if (rc == 0)
            skip_add(s, point, reason);
    }
    if (rc == 1)
        s->behind[point] = pair.change;
    return rc;
}

/* --- the search --- */

/* 95 %: does the change clearly go in direction `sign`? */
static bool clear(const struct honesty_sum *change, int sign)
{
    return sign * change->mean - honesty_reach(change) > 0;
}

/* The change from one measured point to another. */
static struct bisect_pair between(const struct search *s, size_t from, size_t to)
{
    const struct honesty_sum *a = &s->behind[from], *b = &s->behind[to];

    return (struct bisect_pair){from, to, {a->mean - b->mean, a->variance + b->variance}};
}

static void cannot_tell(struct search *s, const char *why)
{
    snprintf(s->found->why, sizeof s->found->why, "%s", why);
}

/* The whole range: its last kernel against the first one that builds. What the judge finds wrong
 * with such a pair is the last one's fault. */
static int range_measure(struct search *s)
{
    size_t last = s->b->n - 1, from = 0;
    int rc = builds(s, last), built = 0;

    while (rc == 1 && from < last && (built = builds(s, from)) == 0)
        from++;
    if (rc < 0 || built < 0)
        return rc < 0 ? rc : built;
    if (rc == 1 && from == last)
        return err_set(ERR_CONFLICT, "no kernel before the last one of the range builds: %s",
                       last ? skipped(s, last - 1) : "there is one kernel only");
    if (rc == 1)
        rc = point_measure(s, from);
    if (rc == 0)
        return err_set(ERR_CONFLICT, "the last kernel of the range cannot be measured: %s",
                       s->found->skips[s->found->n_skips - 1].reason);
    s->found->range = between(s, from, last);
    return rc < 0 ? rc : 0;
}

/* Measure a kernel inside the range, nearest to the middle first: 1, or 0 when none can be. */
static int middle_measure(struct search *s, const struct bisect_pair *range, size_t *out)
{
    size_t middle = (range->from + range->to) / 2;

    for (size_t step = 0; step < range->to - range->from; step++) {
        const size_t at[2] = {middle - step, middle + step};

        for (int side = 0; side < (step ? 2 : 1); side++) {
            int rc = 0;

            *out = at[side];
            if (*out > range->from && *out < range->to)
                rc = point_measure(s, *out);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

/* Go on with the half that has the larger part of the change: 1, or 0 when that is not clear (why is
 * set). */
static int range_halve(struct search *s, int sign)
{
    struct bisect_pair *range = &s->found->range, first, rest;
    size_t middle;
    int rc = middle_measure(s, range, &middle);

    if (rc == 0)
        cannot_tell(s, "no kernel in between can be measured");
    if (rc <= 0)
        return rc;
    first = between(s, range->from, middle);
    rest = between(s, middle, range->to);
    if (sign * rest.change.mean > sign * first.change.mean)
        first = rest;
    if (!clear(&first.change, sign)) {
        cannot_tell(s, "neither half clearly holds the change: it may be the sum of small ones");
        return 0;
    }
    *range = first;
    return 1;
}

/* The step that was found, measured by itself where the newer kernel passes today's check. */
static int step_confirm(struct search *s, int sign)
{
    struct bisect_pair *range = &s->found->range, pair;
    char reason[300];
    int rc;

    s->found->found = true;
    if (range->to == s->b->n - 1)
        return 0; /* it was */
    rc = pair_measure(s, range->from, range->to, &pair, reason);
    if (rc == 1) {
        *range = pair;
        s->found->found = clear(&pair.change, sign);
        if (!s->found->found)
            cannot_tell(s, "measured by itself, the step that is left does not clearly show it");
    }
    return rc < 0 ? rc : 0;
}

static int range_search(struct search *s)
{
    struct bisect_pair *range = &s->found->range;
    int sign, rc = 1;

    TRY(range_measure(s));
    sign = range->change.mean < 0 ? -1 : 1;
    if (!clear(&range->change, sign)) {
        cannot_tell(s, "the two ends of the range are not clearly different");
        return 0;
    }
    while (rc == 1 && range->to - range->from > 1)
        rc = range_halve(s, sign);
    return rc == 1 ? step_confirm(s, sign) : rc;
}

int bisect_measure(struct ratchet *r, const struct bisect_options *o, const struct bisect *b,
                   struct bisect_found *out)
{
    struct search s = {r, o, b, calloc(b->n, sizeof *s.behind), out};
    int rc;

    /* a point is measured or passed over once, and at last one step by itself */
    *out = (struct bisect_found){.pairs = calloc(b->n + 1, sizeof *out->pairs),
                                 .skips = calloc(b->n, sizeof *out->skips)};
    if (s.behind && out->pairs && out->skips)
        rc = range_search(&s);
    else
        rc = err_set(ERR_NOMEM, "bisect: out of memory");
    free(s.behind);
    return rc;
}

void bisect_found_deinit(struct bisect_found *f)
{
    free(f->pairs);
    free(f->skips);
    memset(f, 0, sizeof *f);
}
