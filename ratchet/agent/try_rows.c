/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/try_rows.h"

#include "ratchet/agent/standing.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <string.h>

/* What is looked for. */
struct wanted {
    struct ratchet *r;
    struct campaign *c;
    const char *kernel, *base, *hypothesis;
    int64_t verdict; /* the row that says what came of it; 0: none yet */
};

static bool counted(const json_t *list, int64_t n)
{
    json_t *v;
    size_t i;

    json_array_foreach(list, i, v)
    {
        if (json_integer_value(v) == n)
            return true;
    }
    return false;
}

static int note_row(struct campaign *c, int64_t n)
{
    return counted(c->rows, n) ? 0
                               : campaign_note(c, json_pack("{s:s, s:I}", "event", "row",
                                                            "experiment", (json_int_t)n));
}

bool try_rows_overtaken(struct ratchet *r, const struct ledger_row *row)
{
    struct strbuf data = {0};
    bool back = strcmp(row->verdict, r->judge->verdict_name(JUDGE_WIN)) == 0 &&
                ledger_state_find(r->ledger, row->experiment, "rolled_back", &data) == 1;

    strbuf_deinit(&data);
    return back;
}

/* What is judged is what the agent left, or that merged onto another HEAD. */
static int find_row(void *ctx, const struct ledger_row *row)
{
    struct wanted *t = ctx;

    if (strcmp(row->hypothesis, t->hypothesis) != 0 ||
        (strcmp(row->kernel, t->kernel) != 0 && strcmp(row->parent, t->base) == 0))
        return 0;
    if (standing_interrupted(row) || try_rows_overtaken(t->r, row))
        return note_row(t->c, row->experiment);
    t->verdict = row->experiment;
    return 0;
}

/* The row that row n repeats, since another win had overtaken it; 0: none. */
static int64_t again_of(struct ratchet *r, int64_t n)
{
    struct strbuf text = {0};
    json_t *details =
        ledger_details(r->ledger, n, &text) == 1 ? json_loads(text.data, 0, NULL) : NULL;
    int64_t before = json_integer_value(json_object_get(details, "again_of"));

    json_decref(details);
    strbuf_deinit(&text);
    return before;
}

int try_rows_repeated(struct ratchet *r, struct campaign *c, int64_t n)
{
    for (int64_t before = again_of(r, n); before; before = again_of(r, before))
        TRY(note_row(c, before));
    return 0;
}

int try_rows_find(struct ratchet *r, struct campaign *c, int64_t *n)
{
    const json_t *pending = c->pending;
    struct wanted t = {.r = r,
                       .c = c,
                       .kernel = json_string_value(json_object_get(pending, "kernel")),
                       .base = json_string_value(json_object_get(pending, "base")),
                       .hypothesis = json_string_value(json_object_get(pending, "hypothesis"))};

    TRY(ledger_each(r->ledger, json_integer_value(json_object_get(pending, "rows")) + 1, 0,
                    find_row, &t));
    *n = t.verdict;
    return 0;
}
