/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/space.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDE = 16 }; /* a range of this factor is logarithmic */

/* --- selecting --- */

static void choose_scale(struct space_axis *a)
{
    int64_t least = a->low ? a->low : a->step;

    a->log = a->low >= 0 && a->high / WIDE >= least;
}

static int add_axis(const struct tunable *t, struct space *s)
{
    struct space_axis *a = &s->axis[s->n];

    if (s->n == SPACE_MOST)
        return err_set(ERR_RANGE, "more than %d TUNABLEs; name fewer with --over", SPACE_MOST);
    *a = (struct space_axis){.low = t->low, .high = t->high, .step = 1};
    memcpy(a->name, t->name, sizeof a->name);
    s->n++;
    return 0;
}

static struct space_axis *axis_find(struct space *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->axis[i].name, name) == 0)
            return &s->axis[i];
    return NULL;
}

static int add_named(const struct tunables *t, char *name, struct space *s)
{
    const struct tunable *one = tunables_find(t, name);

    if (!one)
        return err_set(
            ERR_USAGE,
            "--over: the kernel has no TUNABLE \"%s\" (ratchet search --list shows them)", name);
    if (axis_find(s, name))
        return err_set(ERR_USAGE, "--over: %s is named twice", name);
    if (one->low == one->high)
        return err_set(ERR_USAGE, "--over: %s has no other value than %" PRId64, name, one->low);
    return add_axis(one, s);
}

/* A..B[:STEP] */
static bool range_parse(const char *text, int64_t *low, int64_t *high, int64_t *step)
{
    char *end;

    errno = 0;
    *low = strtoll(text, &end, 10);
    if (end == text || strncmp(end, "..", 2) != 0)
        return false;
    text = end + 2;
    *high = strtoll(text, &end, 10);
    if (end == text || (*end && *end != ':'))
        return false;
    if (*end) {
        text = end + 1;
        *step = strtoll(text, &end, 10);
        if (end == text || *end || *step < 1)
            return false;
    }
    return errno == 0 && *low <= *high;
}

static int narrow(const struct tunables *t, char *part, struct space *s)
{
    char *equals = strchr(part, '=');
    const struct tunable *one;
    struct space_axis *a;
    int64_t low, high, step = 0;

    if (!equals || !range_parse(equals + 1, &low, &high, &step))
        return err_set(ERR_USAGE, "--range %s: write NAME=LOW..HIGH or NAME=LOW..HIGH:STEP", part);
    *equals = '\0';
    a = axis_find(s, part);
    one = tunables_find(t, part);
    if (!a)
        return err_set(ERR_USAGE, "--range: %s is not among the TUNABLEs of this search", part);
    if (low < one->low || high > one->high)
        return err_set(ERR_USAGE,
                       "--range %s=%" PRId64 "..%" PRId64 ": the kernel is correct from %" PRId64
                       " to %" PRId64,
                       part, low, high, one->low, one->high);
    a->low = low;
    a->step = step ? step : 1;
    a->fixed_step = step != 0;
    a->high = low + (high - low) / a->step * a->step;
    return 0;
}

typedef int (*part_fn)(const struct tunables *t, char *part, struct space *s);

/* Call `each` for the parts of a list with commas. */
static int each_part(const char *list, part_fn each, const struct tunables *t, struct space *s)
{
    char *copy = strdup(list), *rest = copy, *part;
    int rc = 0;

    if (!copy)
        abort();
    while (rc == 0 && (part = strsep(&rest, ",")))
        rc = each(t, part, s);
    free(copy);
    return rc;
}

int space_select(const struct tunables *t, const char *over, const char *range, struct space *out)
{
    memset(out, 0, sizeof *out);
    if (over)
        TRY(each_part(over, add_named, t, out));
    for (size_t i = 0; !over && i < t->n; i++)
        if (t->item[i].low < t->item[i].high)
            TRY(add_axis(&t->item[i], out));
    if (range)
        TRY(each_part(range, narrow, t, out));
    for (size_t i = 0; i < out->n; i++)
        choose_scale(&out->axis[i]);
    if (out->n == 0)
        return err_set(ERR_USAGE, "the kernel has no TUNABLE that can move: %s", tunables_remedy);
    return 0;
}

void space_text(const struct space *s, struct strbuf *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct space_axis *a = &s->axis[i];

        strbuf_addf(out, "%s%s=%" PRId64 "..%" PRId64, i ? "," : "", a->name, a->low, a->high);
        if (a->fixed_step)
            strbuf_addf(out, ":%" PRId64, a->step);
    }
}

/* --- the unit cube --- */

uint64_t space_values(const struct space_axis *a)
{
    return (uint64_t)(a->high - a->low) / (uint64_t)a->step + 1;
}

/* A place on the axis as the scale sees it. */
static double scaled(const struct space_axis *a, int64_t value)
{
    double shift = a->low == 0 ? (double)a->step : 0;

    return a->log ? log2(fmax((double)value + shift, 0.5)) : (double)value;
}

double space_unit(const struct space_axis *a, int64_t value)
{
    double low = scaled(a, a->low), high = scaled(a, a->high);

    return a->low == a->high ? 0.5 : (scaled(a, value) - low) / (high - low);
}

int64_t space_value(const struct space_axis *a, double u)
{
    double low = scaled(a, a->low), high = scaled(a, a->high);
    double shift = a->log && a->low == 0 ? (double)a->step : 0;
    double x = low + fmin(fmax(u, 0), 1) * (high - low);
    double steps = round(((a->log ? exp2(x) - shift : x) - (double)a->low) / (double)a->step);

    return a->low + (int64_t)fmin(fmax(steps, 0), (double)(space_values(a) - 1)) * a->step;
}

void space_snap(const struct space *s, struct point *p)
{
    for (size_t i = 0; i < s->n; i++)
        p->v[i] = space_value(&s->axis[i], space_unit(&s->axis[i], p->v[i]));
}

void space_to_unit(const struct space *s, const struct point *p, double *u)
{
    for (size_t i = 0; i < s->n; i++)
        u[i] = space_unit(&s->axis[i], p->v[i]);
}

bool space_same(const struct space *s, const struct point *a, const struct point *b)
{
    size_t i = 0;

    while (i < s->n && a->v[i] == b->v[i])
        i++;
    return i == s->n;
}

void space_point_text(const struct space *s, const struct point *p, const struct point *from,
                      struct strbuf *out)
{
    const char *between = "";

    for (size_t i = 0; i < s->n; i++) {
        if (from && p->v[i] == from->v[i])
            continue;
        strbuf_addf(out, "%s%s %" PRId64, between, s->axis[i].name, p->v[i]);
        between = ", ";
    }
}
