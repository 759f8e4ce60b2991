/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/lessons/lessons.h"

#include "ratchet/history/veto.h"
#include "ratchet/lessons/taxonomy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct lessons {
    json_t **attempts; /* of each row of the taxonomy: an array */
    json_t *other, *unjudged;
    int64_t last;
};

struct lessons *lessons_open(void)
{
    struct lessons *l = calloc(1, sizeof *l);

    if (l)
        l->attempts = calloc(taxonomy_n, sizeof *l->attempts);
    if (!l || !l->attempts)
        abort();
    for (size_t i = 0; i < taxonomy_n; i++)
        l->attempts[i] = json_array();
    l->other = json_array();
    l->unjudged = json_array();
    return l;
}

void lessons_close(struct lessons **lp)
{
    struct lessons *l = *lp;

    if (!l)
        return;
    for (size_t i = 0; i < taxonomy_n; i++)
        json_decref(l->attempts[i]);
    json_decref(l->other);
    json_decref(l->unjudged);
    free(l->attempts);
    free(l);
    *lp = NULL;
}

/* Whether the attempt says anything of its idea: measured, decided or a near miss. Programs that do
 * not build or compute something else say nothing of speed. */
static bool measured(const struct ledger_row *row)
{
    static const char *const words[] = {"WIN", "LOSS", "INCONCLUSIVE"};
    bool known = false;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        known = known || strcmp(row->verdict, words[i]) == 0;
    return known && !isnan(row->estimate);
}

static json_t *attempt_json(const struct ledger_row *row, const char *words)
{
    char slower[96];

    veto_case(row->reason, slower);
    return json_pack("{s:I, s:s, s:s, s:f, s:s, s:s}", "experiment", (json_int_t)row->experiment,
                     "verdict", row->verdict, "hypothesis", row->hypothesis, "estimate",
                     row->estimate, "slower", slower, "words", words);
}

int lessons_take(void *ctx, const struct ledger_row *row)
{
    struct taxonomy_match match[TAXONOMY_MOST];
    struct lessons *l = ctx;
    size_t n;

    l->last = row->experiment;
    if (strcmp(row->verdict, LEDGER_SEAL) == 0)
        return 0;
    if (!measured(row)) {
        json_array_append_new(l->unjudged, json_integer(row->experiment));
        return 0;
    }
    n = taxonomy_classify(row->hypothesis, match);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(l->attempts[match[i].row], attempt_json(row, match[i].phrase));
    if (n == 0)
        json_array_append_new(l->other, attempt_json(row, ""));
    return 0;
}

/* --- what follows from it --- */

static json_int_t count(const json_t *attempts, const char *verdict)
{
    json_int_t n = 0;

    for (size_t i = 0; i < json_array_size(attempts); i++)
        n += strcmp(json_string_value(json_object_get(json_array_get(attempts, i), "verdict")),
                    verdict) == 0;
    return n;
}

/* "borne out 1 of 3, 1 open": a near miss neither bears an idea out nor refutes it. */
static void verdict_write(json_int_t wins, json_int_t judged, json_int_t open, char out[64])
{
    size_t n = 0;

    out[0] = '\0';
    if (judged)
        n = (size_t)snprintf(out, 64, "%s %lld of %lld", wins ? "borne out" : "refuted,",
                             (long long)wins, (long long)judged);
    if (open)
        snprintf(out + n, 64 - n, "%s%lld open", n ? ", " : "", (long long)open);
    else if (!judged)
        snprintf(out, 64, "not tried here");
}

static json_t *row_json(const struct taxonomy_row *row, json_t *attempts)
{
    json_int_t wins = count(attempts, "WIN"), open = count(attempts, "INCONCLUSIVE"),
               judged = (json_int_t)json_array_size(attempts) - open;
    char verdict[64];

    verdict_write(wins, judged, open, verdict);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:O}", "id", row->id, "symptom",
                     row->symptom, "first", row->first, "verdict", verdict, "wins", wins, "judged",
                     judged, "open", open, "attempts", attempts);
}

json_t *lessons_json(const struct lessons *l)
{
    json_t *tiers = json_array();

    for (int t = 0; t < TAXONOMY_TIERS; t++) {
        json_t *rows = json_array();

        for (size_t i = 0; i < taxonomy_n; i++)
            if ((int)taxonomy[i].tier == t)
                json_array_append_new(rows, row_json(&taxonomy[i], l->attempts[i]));
        json_array_append_new(tiers, json_pack("{s:s, s:s, s:o}", "name", taxonomy_tiers[t].name,
                                               "what", taxonomy_tiers[t].what, "rows", rows));
    }
    return json_pack("{s:I, s:o, s:O, s:O}", "last", (json_int_t)l->last, "tiers", tiers, "other",
                     l->other, "unjudged", l->unjudged);
}
