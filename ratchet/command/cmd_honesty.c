/* SPDX-License-Identifier: Apache-2.0
 *
 * ratchet audit --cumulative: the honesty ratio for people and as JSON. */
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"
#include "ratchet/audit/honesty.h"

#include "reference/base/strbuf.h"

#include <string.h>

/* "3.12 x (3.05 .. 3.20)" */
static void times_text(double times, double low, double high, char out[48])
{
    snprintf(out, 48, "%.3g x (%.3g .. %.3g)", times, low, high);
}

static void sums_print(const char *name, const struct honesty_sum *measured,
                       const struct honesty_sum *claimed, const char *after)
{
    double times, low, high;
    char text[3][48];

    honesty_times(measured, &times, &low, &high);
    times_text(times, low, high, text[0]);
    honesty_times(claimed, &times, &low, &high);
    times_text(times, low, high, text[1]);
    honesty_ratio(measured, claimed, &times, &low, &high);
    snprintf(text[2], sizeof text[2], "%.3f (%.3f .. %.3f)", times, low, high);
    printf("  %-28s %-26s %-26s %-24s %s\n", name, text[0], text[1], text[2], after);
}

/* Why a row says less than the others. */
static void case_note(const struct honesty_case *c, struct strbuf *out)
{
    strbuf_clear(out);
    if (c->n_missing)
        strbuf_addf(out, "does not compare: not measured in %lld win%s", (long long)c->n_missing,
                    c->n_missing == 1 ? "" : "s");
    else if (c->n_claims == 0)
        strbuf_addf(out, "no win claims it");
    if (c->n_unfocused)
        strbuf_addf(out, "%sunchanged in %lld with another focus", out->len ? "; " : "",
                    (long long)c->n_unfocused);
}

static void remarks_print(const struct honesty *h)
{
    size_t i;
    json_t *line;

    json_array_foreach(h->remarks, i, line)
    {
        printable_printf(stdout, "  remark     %s\n", json_string_value(line));
    }
}

static void finding_print(const struct honesty *h, enum honesty_finding finding)
{
    double ratio, low, high;

    honesty_ratio(&h->measured, &h->claimed, &ratio, &low, &high);
    if (!h->n_wins || !(h->compared > 0))
        puts("cannot tell: no case was measured by all the wins that count");
    else if (finding == HONESTY_UNCLEAR && high / ratio <= HONESTY_HIGH)
        printf(
            "cannot tell: honesty ratio %.3f (%.3g .. %.3g), but %lld of the wins were judged on "
            "another machine, where they may have gained more or less\n",
            ratio, low, high, (long long)h->n_elsewhere);
    else if (finding == HONESTY_UNCLEAR)
        printf("cannot tell: honesty ratio %.3f (%.3g .. %.3g) is not known to one part in ten: "
               "more --units\n",
               ratio, low, high);
    else if (finding == HONESTY_ADDS_UP)
        printf("honesty ratio %.3f (%.3f .. %.3f): the wins add up\n", ratio, low, high);
    else
        printf("warning: honesty ratio %.3f (%.3f .. %.3f) is outside %.1f .. %.1f: the wins %s\n",
               ratio, low, high, HONESTY_LOW, HONESTY_HIGH,
               ratio < 1 ? "promised more than there is" : "say less than there is");
}

static void honesty_print(const struct honesty *h, enum honesty_finding finding)
{
    struct strbuf note = {0};

    printf("HEAD %.12s against the first kernel %.12s (parent of experiment %lld): %lld win%s",
           h->head, h->first, (long long)h->first_experiment, (long long)h->n_wins,
           h->n_wins == 1 ? "" : "s");
    if (!h->n_cases) {
        puts("; nothing to add up, nothing measured");
        return;
    }
    printf(", %u units\n  %-28s %-26s %-26s %s\n", h->n_units, "case", "measured, 95 % interval",
           "product of the claims", "honesty ratio");
    for (size_t i = 0; i < h->n_cases; i++) {
        case_note(&h->cases[i], &note);
        sums_print(h->cases[i].name, &h->cases[i].measured, &h->cases[i].claimed,
                   strbuf_str(&note));
    }
    sums_print("total, by weight", &h->measured, &h->claimed, "");
    printf("  compared   the cases of %.0f %% of the weight, over %lld win%s\n", 100 * h->compared,
           (long long)h->n_wins, h->n_wins == 1 ? "" : "s");
    remarks_print(h);
    finding_print(h, finding);
    strbuf_deinit(&note);
}

static json_t *sums_json(const struct honesty_sum *measured, const struct honesty_sum *claimed)
{
    double v[3][3];

    honesty_times(measured, &v[0][0], &v[0][1], &v[0][2]);
    honesty_times(claimed, &v[1][0], &v[1][1], &v[1][2]);
    honesty_ratio(measured, claimed, &v[2][0], &v[2][1], &v[2][2]);
    return json_pack("{s:[f,f,f], s:[f,f,f], s:[f,f,f]}", "measured", v[0][0], v[0][1], v[0][2],
                     "claimed", v[1][0], v[1][1], v[1][2], "honesty_ratio", v[2][0], v[2][1],
                     v[2][2]);
}

static json_t *honesty_json(const struct honesty *h, enum honesty_finding finding)
{
    static const char *const words[] = {
        [HONESTY_ADDS_UP] = "adds up", [HONESTY_OFF] = "off", [HONESTY_UNCLEAR] = "unclear"};
    json_t *cases = json_array(), *o;

    for (size_t i = 0; i < h->n_cases; i++) {
        const struct honesty_case *c = &h->cases[i];

        o = sums_json(&c->measured, &c->claimed);
        json_object_set_new(o, "name", json_string(c->name));
        json_object_set_new(o, "op", json_string(c->op));
        json_object_set_new(o, "weight", json_real(c->weight));
        json_object_set_new(o, "claims", json_integer(c->n_claims));
        json_object_set_new(o, "other_focus", json_integer(c->n_unfocused));
        json_object_set_new(o, "compares", json_boolean(c->n_missing == 0));
        json_array_append_new(cases, o);
    }
    o = json_pack("{s:s, s:s, s:I, s:I, s:i, s:O, s:o, s:b, s:s, s:f}", "head", h->head, "first",
                  h->first, "first_experiment", (json_int_t)h->first_experiment, "wins",
                  (json_int_t)h->n_wins, "units", (int)h->n_units, "remarks", h->remarks, "cases",
                  cases, "ok", (int)(finding == HONESTY_ADDS_UP), "finding", words[finding],
                  "compared", h->compared);
    json_object_set_new(o, "total",
                        h->n_cases ? sums_json(&h->measured, &h->claimed) : json_null());
    return o;
}

int cmd_honesty(const struct honesty_options *o, bool json)
{
    enum honesty_finding finding;
    struct ratchet *r = NULL;
    struct honesty h;
    int rc = cmd_open(stderr, &r);

    if (rc == 0)
        rc = honesty_measure(r, o, &h);
    ratchet_close(&r);
    if (rc < 0)
        return cmd_error(rc);
    finding = honesty_judge(&h);
    if (json)
        cmd_json(honesty_json(&h, finding));
    else
        honesty_print(&h, finding);
    honesty_deinit(&h);
    return finding == HONESTY_ADDS_UP ? 0 : 1;
}
