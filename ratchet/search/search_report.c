/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/search_report.h"

#include "judge/rule/rule.h"
#include "ratchet/history/interval.h"
#include "ratchet/search/effects.h"
#include "ratchet/try/controls.h"
#include "reference/base/err.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static const double SLIGHT = 0.01; /* share of the variance that is not worth a line */

struct findings {
    struct observation best; /* as surface_best has it */
    struct effects effects;
    bool taught; /* effects are known */
};

/* The caller frees. */
static int find(const struct search *s, struct findings **out)
{
    struct surface surface = {0};
    struct findings *f;

    TRY(surface_learn(&s->space, &s->observed, s->seed, &surface));
    f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->best = surface_best(&surface, &s->space, &s->observed);
    f->taught = effects_learn(&s->space, &s->observed, &surface, s->seed, &f->effects) == 0;
    surface_close(&surface);
    *out = f;
    return 0;
}

/* Percent that a log ratio adds to a time. */
static double percent(double y)
{
    return 100 * expm1(y);
}

/* --- text --- */

static void print_points(const struct search *s)
{
    printf("points     %zu judged, %zu won; %zu measured, %zu no kernel, %zu known from other "
           "experiments; %.1f minutes of judging\n",
           s->n_judged, s->n_wins, observed_count(&s->observed, POINT_MEASURED) - 1,
           observed_count(&s->observed, POINT_INFEASIBLE), s->n_taken, s->seconds / 60);
}

/* `whose`: what y and se are of. */
static void print_point(const struct search *s, const char *label, const struct observation *one,
                        const char *whose)
{
    struct strbuf text = {0};

    space_point_text(&s->space, &one->at, &s->start_at, &text);
    if (one->experiment)
        printf("%-10s time %+.2f %% (%+.2f .. %+.2f, 95 %%) %s, experiment %" PRId64 ": %s\n",
               label, percent(one->y), percent(one->y - interval_reach(one->se)),
               percent(one->y + interval_reach(one->se)), whose, one->experiment,
               strbuf_str(&text));
    else
        printf("%-10s the start\n", label);
    strbuf_deinit(&text);
}

static void print_bound(const struct search *s)
{
    struct strbuf line = {0};

    controls_campaign_line((int64_t)s->n_judged, &line);
    printf("wins       %s\n           a search has at most %" PRId64
           " points: so all together stay within %g, the alpha of one experiment's first stage\n",
           line.data, search_budget_most, RULE_ALPHA);
    strbuf_deinit(&line);
}

static void print_axes(const struct search *s, const struct effects *e)
{
    printf("  %-24s %8s %12s %14s %14s\n", "TUNABLE", "share", "best near", "at its low end",
           "at its high end");
    for (size_t i = 0; i < s->space.n; i++) {
        const struct effect *a = &e->axis[i];
        char low[24], high[24];

        if (a->share < SLIGHT)
            continue;
        snprintf(low, sizeof low, "%+.1f %%", percent(a->level[0]));
        snprintf(high, sizeof high, "%+.1f %%", percent(a->level[a->n - 1]));
        printf("  %-24s %6.0f %% %12" PRId64 " %14s %14s\n", s->space.axis[i].name, 100 * a->share,
               a->best, low, high);
    }
}

static void print_slight(const struct search *s, const struct effects *e)
{
    const char *between = "  hardly matter: ";

    for (size_t i = 0; i < s->space.n; i++)
        if (e->axis[i].share < SLIGHT) {
            printf("%s%s", between, s->space.axis[i].name);
            between = ", ";
        }
    if (*between == ',')
        putchar('\n');
}

static void rule_text(const struct search *s, const struct effect_rule *r, struct strbuf *out)
{
    const char *name = s->space.axis[r->axis].name;

    if (r->kind == RULE_FROM)
        strbuf_addf(out, "%s from %" PRId64 " on", name, r->limit);
    else if (r->kind == RULE_UP_TO)
        strbuf_addf(out, "%s up to %" PRId64, name, r->limit);
    else
        strbuf_addf(out, "%s no multiple of %" PRId64, name, r->limit);
}

static void print_rules(const struct search *s, const struct effects *e)
{
    for (size_t i = 0; i < e->n_rules; i++) {
        struct strbuf text = {0};

        rule_text(s, &e->rule[i], &text);
        printf("  none of %zu points with %s was a kernel\n", e->rule[i].n, text.data);
        strbuf_deinit(&text);
    }
}

static void print_taught(const struct search *s, const struct findings *f)
{
    const struct effects *e = &f->effects;

    if (f->taught) {
        printf("taught     by %zu points: nine in ten of the space lie within %.1f %% of time; "
               "what the others foretell of each explains %.0f %%%s\n",
               e->n, percent(e->range), 100 * fmax(0, e->explained),
               e->explained > 0.5 ? "" : ", so the table is a guess");
        print_axes(s, e);
        print_slight(s, e);
        for (size_t i = 0; i < e->n_pairs; i++)
            printf("  %s and %s matter together: %.0f %% beyond what each does alone\n",
                   s->space.axis[e->pair[i].a].name, s->space.axis[e->pair[i].b].name,
                   100 * e->pair[i].share);
    } else {
        printf("taught     too few points were measured\n");
    }
    print_rules(s, e);
}

int search_print(const struct search *s, const struct search_end *end)
{
    const struct observation *now = observed_find(&s->observed, &s->space, &s->head_at);
    struct findings *f;

    TRY(find(s, &f));
    printf("search     %s over %zu TUNABLEs%s%s%s%s\n", s->id, s->space.n,
           s->focus[0] ? ", all weight on " : "", s->focus, end ? ": " : "", end ? end->why : "");
    print_points(s);
    printf("start      %.12s\n", git_oid_tostr_s(&s->start));
    if (now)
        print_point(s, "HEAD", now, "as measured");
    print_point(s, "best", &f->best, "as all points together foretell it");
    print_bound(s);
    print_taught(s, f);
    free(f);
    return 0;
}

/* --- JSON --- */

static json_t *point_json(const struct search *s, const struct point *p)
{
    json_t *o = json_object();

    for (size_t i = 0; i < s->space.n; i++)
        json_object_set_new(o, s->space.axis[i].name, json_integer(p->v[i]));
    return o;
}

static json_t *observation_json(const struct search *s, const struct observation *one)
{
    json_t *o = json_object();
    bool measured = one->state == POINT_MEASURED;

    json_object_set_new(o, "experiment", json_integer(one->experiment));
    json_object_set_new(o, "kernel", json_boolean(measured));
    json_object_set_new(o, "log_time", measured ? json_real(one->y) : json_null());
    json_object_set_new(o, "standard_error", measured ? json_real(one->se) : json_null());
    json_object_set_new(o, "point", point_json(s, &one->at));
    return o;
}

static json_t *axis_json(const char *name, const struct effect *e)
{
    json_t *o = json_pack("{s:s, s:f, s:I}", "name", name, "share", e->share, "best_near",
                          (json_int_t)e->best);
    json_t *levels = json_array();

    for (size_t k = 0; k < e->n; k++)
        json_array_append_new(levels, json_pack("[I, f]", (json_int_t)e->value[k], e->level[k]));
    json_object_set_new(o, "log_time", levels);
    return o;
}

static json_t *taught_json(const struct search *s, const struct effects *e)
{
    json_t *axes = json_array(), *pairs = json_array();

    for (size_t i = 0; i < s->space.n; i++)
        json_array_append_new(axes, axis_json(s->space.axis[i].name, &e->axis[i]));
    for (size_t i = 0; i < e->n_pairs; i++)
        json_array_append_new(
            pairs, json_pack("{s:[s, s], s:f}", "names", s->space.axis[e->pair[i].a].name,
                             s->space.axis[e->pair[i].b].name, "share", e->pair[i].share));
    return json_pack("{s:o?, s:f, s:o, s:o}", "explained",
                     isfinite(e->explained) ? json_real(e->explained) : NULL, "range", e->range,
                     "effects", axes, "pairs", pairs);
}

static json_t *rules_json(const struct search *s, const struct effects *e)
{
    json_t *rules = json_array();

    for (size_t i = 0; i < e->n_rules; i++) {
        struct strbuf text = {0};

        rule_text(s, &e->rule[i], &text);
        json_array_append_new(rules, json_pack("{s:s, s:I}", "values", text.data, "points",
                                               (json_int_t)e->rule[i].n));
        strbuf_deinit(&text);
    }
    return rules;
}

int search_json(const struct search *s, const struct search_end *end, json_t **out)
{
    json_t *o, *points;
    struct findings *f;

    TRY(find(s, &f));
    points = json_array();
    for (size_t i = 0; i < s->observed.n; i++)
        json_array_append_new(points, observation_json(s, &s->observed.item[i]));
    o = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:s}", "id", s->id, "strategy", s->strategy->name,
                  "seed", (json_int_t)s->seed, "budget", (json_int_t)s->budget, "start",
                  git_oid_tostr_s(&s->start), "focus", s->focus, "features", s->features);
    json_object_set_new(o, "ended", end ? json_string(end->why) : json_null());
    json_object_set_new(o, "judged", json_integer((json_int_t)s->n_judged));
    json_object_set_new(o, "wins", json_integer((json_int_t)s->n_wins));
    json_object_set_new(o, "known_before", json_integer((json_int_t)s->n_taken));
    json_object_set_new(o, "seconds", json_real(s->seconds));
    json_object_set_new(o, "false_win_bound", json_real(controls_false_wins((int64_t)s->n_judged)));
    json_object_set_new(o, "best", observation_json(s, &f->best));
    json_object_set_new(o, "head", point_json(s, &s->head_at));
    json_object_set_new(o, "points", points);
    json_object_set_new(o, "taught", f->taught ? taught_json(s, &f->effects) : json_null());
    json_object_set_new(o, "no_kernel", rules_json(s, &f->effects));
    free(f);
    *out = o;
    return 0;
}
