/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/plateau.h"

#include "reference/base/strbuf.h"

#include <math.h>
#include <stdio.h>

double plateau_expected(const struct plateau_op *op)
{
    double distance = isnan(op->distance) ? PLATEAU_DISTANCE_UNKNOWN : op->distance;
    double tried = op->wins + op->misses;

    return op->share * distance * (PLATEAU_PRIOR_WINS + op->wins) /
           (PLATEAU_PRIOR_WINS + PLATEAU_PRIOR_MISSES + tried);
}

static size_t best_of(const struct plateau_op *ops, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (plateau_expected(&ops[i]) > plateau_expected(&ops[best]))
            best = i;
    return best;
}

/* The evidence in words: "gemm: 2 of 9 won lately, 0.80 % to expect; ...". */
static void tell(struct strbuf *out, const struct plateau_op *op)
{
    strbuf_addf(out, "%s: %u of %u won lately, %.2f %% to expect; ", op->name, op->wins,
                op->wins + op->misses, 100 * plateau_expected(op));
}

static void reason(struct plateau *p, const struct plateau_op *a, const struct plateau_op *b,
                   const char *follows)
{
    struct strbuf text = {0};

    tell(&text, a);
    if (a != b)
        tell(&text, b);
    strbuf_addf(&text, "%s", follows);
    snprintf(p->reason, sizeof p->reason, "%s", text.data);
    strbuf_deinit(&text);
}

void plateau_decide(const struct plateau_op *ops, size_t n, size_t current,
                    enum plateau_level before, double stop_below, struct plateau *out)
{
    size_t best = best_of(ops, n);
    double most = plateau_expected(&ops[best]);

    *out = (struct plateau){.focus = current < n ? current : best};
    if (most < stop_below) {
        out->level = before == PLATEAU_WARN_STOP ? PLATEAU_STOP : PLATEAU_WARN_STOP;
        reason(out, &ops[best], &ops[best],
               out->level == PLATEAU_STOP ? "nothing promises more, as the last look said already"
                                          : "nothing promises more: the end, unless that changes");
    } else if (current < n && most >= PLATEAU_BETTER * plateau_expected(&ops[current])) {
        out->level = before == PLATEAU_WARN_SWITCH ? PLATEAU_SWITCH : PLATEAU_WARN_SWITCH;
        reason(out, &ops[current], &ops[best],
               out->level == PLATEAU_SWITCH ? "going there" : "going there, unless that changes");
        if (out->level == PLATEAU_SWITCH)
            out->focus = best;
    }
}

const char *plateau_level_name(enum plateau_level level)
{
    static const char *const names[] = {"go", "warn", "switch", "stop", "warn"};

    return names[level];
}

json_t *plateau_json(const struct plateau_op *ops, size_t n, const struct plateau *p)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            list,
            json_pack("{s:s, s:f, s:o, s:i, s:i, s:f}", "name", ops[i].name, "share", ops[i].share,
                      "distance", isnan(ops[i].distance) ? json_null() : json_real(ops[i].distance),
                      "wins", (int)ops[i].wins, "misses", (int)ops[i].misses, "expected_percent",
                      100 * plateau_expected(&ops[i])));
    return json_pack("{s:s, s:s, s:o}", "level", plateau_level_name(p->level), "reason", p->reason,
                     "operations", list);
}
