/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/effects_rules.h"

#include <math.h>

enum { DIVISOR_MOST = 64, POINTS_LEAST = 5 };
static const double CHANCE = 0.01; /* that a rule is reported which is none, all rules together */

struct counts {
    size_t bad, good; /* points that the rule excludes: infeasible, and kernels */
    size_t left;      /* values of the kernels that it leaves, each once */
};

static bool excludes(const struct effect_rule *r, int64_t v)
{
    return r->kind == RULE_FROM    ? v >= r->limit
           : r->kind == RULE_UP_TO ? v <= r->limit
                                   : v % r->limit != 0;
}

/* Is item i the first kernel with its value on the axis? */
static bool first_of_value(const struct observed *o, size_t i, size_t axis)
{
    for (size_t k = 0; k < i; k++)
        if (o->item[k].state == POINT_MEASURED && o->item[k].at.v[axis] == o->item[i].at.v[axis])
            return false;
    return true;
}

static struct counts count(const struct effect_rule *r, const struct observed *o)
{
    struct counts c = {0};

    for (size_t i = 0; i < o->n; i++) {
        bool out = excludes(r, o->item[i].at.v[r->axis]);

        if (o->item[i].state == POINT_INFEASIBLE)
            c.bad += out;
        else if (o->item[i].state == POINT_MEASURED) {
            c.good += out;
            c.left += !out && first_of_value(o, i, r->axis);
        }
    }
    return c;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* Had the axis nothing to do with it, each excluded point would be infeasible, and for a divisor
 * each value of a kernel but the first a multiple, by the luck of the draw. Values are counted, not
 * kernels: strategies leave most axes where the start has them. */
static double luck(const struct effect_rule *r, const struct space_axis *a,
                   const struct observed *o, const struct counts *c)
{
    double bad = (double)observed_count(o, POINT_INFEASIBLE);
    double all = bad + (double)observed_count(o, POINT_MEASURED);
    double by_failures = pow(bad / all, (double)c->bad);
    double multiples = (double)common_divisor(r->limit, a->step) / (double)r->limit;

    if (r->kind != RULE_NOT_MULTIPLE)
        return by_failures;
    return c->left > 1 ? by_failures * pow(multiples, (double)c->left - 1) : 1;
}

static void consider(const struct space *s, const struct observed *o, struct effect_rule *r,
                     struct effects *out)
{
    size_t kinds = r->kind == RULE_NOT_MULTIPLE ? DIVISOR_MOST : 2;
    struct counts c = count(r, o);

    r->n = c.bad;
    if (out->n_rules < EFFECT_RULES && c.bad >= POINTS_LEAST && c.good == 0 &&
        luck(r, &s->axis[r->axis], o, &c) * (double)(s->n * kinds) < CHANCE)
        out->rule[out->n_rules++] = *r;
}

/* The rule of this kind that excludes most values and no kernel. */
static void widest(const struct observed *o, struct effect_rule *r)
{
    bool from = r->kind == RULE_FROM, any = false;
    int64_t kernel = 0;

    for (size_t i = 0; i < o->n; i++) {
        int64_t v = o->item[i].at.v[r->axis];

        if (o->item[i].state != POINT_MEASURED)
            continue;
        if (!any || (from ? v > kernel : v < kernel))
            kernel = v;
        any = true;
    }
    r->limit = from ? INT64_MAX : INT64_MIN;
    for (size_t i = 0; i < o->n; i++) {
        int64_t v = o->item[i].at.v[r->axis];

        if (o->item[i].state != POINT_INFEASIBLE)
            continue;
        if (from ? v > kernel && v < r->limit : v < kernel && v > r->limit)
            r->limit = v;
    }
}

void effects_rules(const struct space *s, const struct observed *o, struct effects *out)
{
    for (size_t i = 0; i < s->n; i++) {
        struct effect_rule r = {.axis = i, .kind = RULE_FROM};
        size_t before = out->n_rules;

        widest(o, &r);
        consider(s, o, &r, out);
        r.kind = RULE_UP_TO;
        widest(o, &r);
        consider(s, o, &r, out);
        r.kind = RULE_NOT_MULTIPLE;
        for (r.limit = DIVISOR_MOST; r.limit > 1 && out->n_rules == before; r.limit--)
            consider(s, o, &r, out);
    }
}
