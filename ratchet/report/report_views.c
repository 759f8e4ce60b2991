/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/report/report_views.h"

#include "ratchet/audit/honesty.h"
#include "ratchet/try/record.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CASES_MOST = 512 };

struct view {
    const char *path, *subject;
    const json_t *cases;
    size_t n_cases;
    double share[CASES_MOST]; /* of each case, summing to 1; 0: not in the view */
    bool left_out[CASES_MOST];
};

static bool is_win(const json_t *attempt)
{
    return strcmp(record_get_text(attempt, "verdict"), "WIN") == 0;
}

/* Does this attempt speak about case c of this view? Without a focus it does about the mix. */
static bool concerns(const struct view *v, const json_t *attempt, size_t c)
{
    const json_t *of = json_array_get(v->cases, c);
    const char *focus = record_get_text(attempt, "focus");

    if (!(v->share[c] > 0) || strcmp(record_get_text(attempt, "features"), v->path) != 0)
        return false;
    return *focus ? strcmp(focus, record_get_text(of, "op")) == 0 ||
                        strcmp(focus, record_get_text(of, "name")) == 0
                  : json_number_value(json_object_get(of, "weight")) > 0;
}

/* The measurement of case c in an attempt, or NULL. */
static const json_t *measured(const json_t *attempt, size_t c)
{
    const json_t *k;
    size_t i;

    json_array_foreach(json_object_get(attempt, "cases"), i, k)
    {
        if (json_integer_value(json_array_get(k, 0)) == (json_int_t)c &&
            json_is_number(json_array_get(k, 1)))
            return k;
    }
    return NULL;
}

/* Shares of the subject's cases: weights, or alike where they have none. */
static void shares(struct view *v)
{
    bool mix = strcmp(v->subject, "mix") == 0, weighted = false;
    double sum = 0;

    for (size_t i = 0; i < v->n_cases; i++) {
        const json_t *c = json_array_get(v->cases, i);
        bool in = mix || strcmp(record_get_text(c, "op"), v->subject) == 0;

        v->share[i] = in ? json_number_value(json_object_get(c, "weight")) : 0;
        weighted = weighted || v->share[i] > 0;
    }
    for (size_t i = 0; i < v->n_cases && !mix && !weighted; i++)
        v->share[i] = strcmp(record_get_text(json_array_get(v->cases, i), "op"), v->subject) == 0;
    for (size_t i = 0; i < v->n_cases; i++)
        sum += v->left_out[i] ? 0 : v->share[i];
    for (size_t i = 0; i < v->n_cases; i++)
        v->share[i] = v->left_out[i] || !(sum > 0) ? 0 : v->share[i] / sum;
}

/* Cases that a win of this view should have measured and did not. */
static void leave_out(struct view *v, const json_t *attempts)
{
    const json_t *a;
    size_t i;

    json_array_foreach(attempts, i, a)
    {
        for (size_t c = 0; is_win(a) && c < v->n_cases; c++)
            if (concerns(v, a, c) && !measured(a, c))
                v->left_out[c] = true;
    }
}

/* What an attempt claims: true when it speaks about the view at all. */
static bool claim(const struct view *v, const json_t *attempt, double *gain, double *deviation)
{
    double variance = 0;
    const json_t *k;
    bool speaks = false;

    *gain = 0;
    for (size_t c = 0; c < v->n_cases; c++) {
        if (!concerns(v, attempt, c) || !(k = measured(attempt, c)))
            continue;
        speaks = true;
        *gain += v->share[c] * json_number_value(json_array_get(k, 1));
        variance += v->share[c] * v->share[c] *
                    honesty_variance(json_number_value(json_array_get(k, 2)),
                                     json_number_value(json_array_get(k, 3)));
    }
    *deviation = sqrt(variance);
    return speaks;
}

static json_t *points(const struct view *v, const json_t *attempts, double *level)
{
    json_t *out = json_array();
    double gain, deviation;
    const json_t *a;
    size_t i;

    *level = 0;
    json_array_foreach(attempts, i, a)
    {
        if (!claim(v, a, &gain, &deviation))
            continue;
        json_array_append_new(out, json_pack("[I, f, f, f]",
                                             json_integer_value(json_object_get(a, "experiment")),
                                             *level, gain, deviation));
        if (is_win(a))
            *level += gain;
    }
    return out;
}

static json_t *indices(const struct view *v, bool left_out)
{
    json_t *out = json_array();

    for (size_t i = 0; i < v->n_cases; i++)
        if (left_out ? v->left_out[i] : v->share[i] > 0)
            json_array_append_new(out, json_integer((json_int_t)i));
    return out;
}

/* One view, or nothing when no attempt speaks about it. */
static void view_add(json_t *views, struct view *v, const json_t *attempts)
{
    json_t *list;
    double level;

    memset(v->left_out, 0, sizeof v->left_out);
    shares(v);
    leave_out(v, attempts);
    shares(v);
    list = points(v, attempts, &level);
    if (json_array_size(list) == 0 && strcmp(v->subject, "mix") != 0) {
        json_decref(list);
        return;
    }
    json_array_append_new(views,
                          json_pack("{s:s, s:s, s:o, s:o, s:o, s:f}", "path", v->path, "subject",
                                    v->subject, "cases", indices(v, false), "left_out",
                                    indices(v, true), "points", list, "level", level));
}

/* Distinct values of `key`, in order of appearance, as an object's keys. */
static json_t *distinct(const json_t *array, const char *key)
{
    json_t *out = json_object();
    const json_t *o;
    size_t i;

    json_array_foreach(array, i, o)
    {
        if (*record_get_text(o, key))
            json_object_set_new(out, record_get_text(o, key), json_true());
    }
    return out;
}

json_t *report_views(const json_t *attempts, const json_t *cases)
{
    json_t *views = json_array(), *paths = distinct(attempts, "features"),
           *subjects = distinct(cases, "op"), *used;
    struct view *v = calloc(1, sizeof *v);
    const char *path, *subject;

    json_object_foreach(v ? paths : NULL, path, used)
    {
        v->path = path;
        v->cases = cases;
        v->n_cases = json_array_size(cases) < CASES_MOST ? json_array_size(cases) : CASES_MOST;
        v->subject = "mix";
        view_add(views, v, attempts);
        json_object_foreach(subjects, subject, used)
        {
            v->subject = subject;
            view_add(views, v, attempts);
        }
    }
    free(v);
    json_decref(paths);
    json_decref(subjects);
    return views;
}
