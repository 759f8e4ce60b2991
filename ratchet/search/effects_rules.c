/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/effects_rules.h"

#include <math.h>

enum { DIVISOR_MOST = 64, POINTS_LEAST = 5 };
static const double CHANCE = 0.01; /* that a rule is reported which is none, all rules together */

struct counts {
    size_t bad, good; /* points that the rule excludes: infeasible, and kernels */
    size_t left_good; /* kernels that it leaves */
};

static bool excludes(const struct effect_rule *r, int64_t v)
{
    return r->kind == RULE_FROM    ? v >= r->limit
           : r->kind == RULE_UP_TO ? v <= r->limit
                                   : v % r->limit != 0;
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
            c.left_good += !out;
        }
    }
    return c;
}

/* Had the axis nothing to do with it, each excluded point would be infeasible, and for a divisor
 * each kernel would be a multiple, by the luck of the draw. */
static double luck(const struct effect_rule *r, const struct observed *o, const struct counts *c)
{
    double bad = (double)observed_count(o, POINT_INFEASIBLE);
    double all = bad + (double)observed_count(o, POINT_MEASURED);
    double by_failures = pow(bad / all, (double)c->bad);

    return r->kind == RULE_NOT_MULTIPLE
               ? by_failures * pow(1.0 / (double)r->limit, (double)c->left_good - 1)
               : by_failures;
}

static void consider(const struct space *s, const struct observed *o, struct effect_rule *r,
                     struct effects *out)
{
    size_t kinds = r->kind == RULE_NOT_MULTIPLE ? DIVISOR_MOST : 2;
    struct counts c = count(r, o);

    r->n = c.bad;
    if (out->n_rules < EFFECT_RULES && c.bad >= POINTS_LEAST && c.good == 0 &&
        luck(r, o, &c) * (double)(s->n * kinds) < CHANCE)
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
