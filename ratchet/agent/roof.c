/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/roof.h"

#include "ratchet/try/record.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <string.h>

static void list_cases(const char *focus, struct roof *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < problem_shipped.n_cases && out->n < ROOF_MAX_CASES; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];

        if (c->weight > 0 && (!focus || problem_in_focus(c, focus)))
            out->item[out->n++] =
                (struct roof_case){.c = c, .ns = NAN, .floor_ns = NAN, .utilisation = NAN};
    }
}

static struct roof_case *case_open(struct roof *roof, const char *name)
{
    for (size_t i = 0; i < roof->n; i++)
        if (roof->item[i].experiment == 0 && strcmp(roof->item[i].c->name, name) == 0)
            return &roof->item[i];
    return NULL;
}

/* The cases of one detail record that no newer one had. Returns how many there were. */
static size_t take_record(const struct ratchet *r, const struct ledger_row *row,
                          const char *machine, const json_t *details, struct roof *roof)
{
    bool won = strcmp(row->verdict, r->judge->verdict_name(JUDGE_WIN)) == 0;
    size_t i, taken = 0;
    json_t *entry;

    json_array_foreach(json_object_get(details, "cases"), i, entry)
    {
        struct roof_case *c = case_open(roof, record_get_text(entry, "name"));
        double ns = record_get_real(entry, won ? "candidate_ns" : "incumbent_ns");

        if (!c || !(ns > 0))
            continue;
        c->experiment = row->experiment;
        c->ns = ns;
        c->floor_ns = record_get_real(entry, "floor_ns");
        if (c->floor_ns > 0)
            c->utilisation = c->floor_ns / ns;
        snprintf(c->regime, sizeof c->regime, "%s", record_get_text(entry, "regime"));
        c->same_machine = strcmp(row->machine, machine) == 0;
        c->same_judge = strcmp(row->judge, r->judge->hash) == 0;
        taken++;
    }
    return taken;
}

static bool all_features(const json_t *details)
{
    const char *features = record_get_text(details, "features");

    return !*features || strcmp(features, RECORD_FEATURES_ALL) == 0;
}

int roof_read(struct ratchet *r, const char *focus, struct roof *out)
{
    int64_t last = ledger_count(r->ledger), first = last > ROOF_MAX_ROWS ? last - ROOF_MAX_ROWS : 0;
    char machine[256] = "";
    size_t open;

    list_cases(focus, out);
    TRY((int)(last < 0 ? last : 0));
    r->judge->machine(machine);
    open = out->n;
    for (int64_t n = last; n > first && open; n--) {
        struct strbuf text = {0};
        struct ledger_row row;
        json_t *details;
        int rc = ledger_find(r->ledger, n, &row);

        if (rc <= 0)
            return rc;
        rc = ledger_details(r->ledger, n, &text);
        details = rc == 1 ? json_loads(text.data, 0, NULL) : NULL;
        if (details && all_features(details))
            open -= take_record(r, &row, machine, details, out);
        json_decref(details);
        strbuf_deinit(&text);
        ledger_row_deinit(&row);
        TRY(rc);
    }
    return 0;
}

double roof_distance(const struct roof_case *c)
{
    return isnan(c->utilisation) ? NAN : fmax(0, 1 - c->utilisation);
}
