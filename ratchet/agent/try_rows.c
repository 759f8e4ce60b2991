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
    char origin[64];
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

void try_rows_origin(const struct campaign *c, char out[64])
{
    snprintf(out, 64, "%s/%lld", c->journal.id,
             (long long)json_integer_value(json_object_get(c->pending, "round")));
}

/* 1 when the row's details have that origin. */
static int has_origin(struct ratchet *r, int64_t n, const char *origin)
{
    struct strbuf text = {0};
    int rc = ledger_details_text(r->ledger, n, "$.origin", &text);

    rc = rc == 1 ? strcmp(strbuf_str(&text), origin) == 0 : rc;
    strbuf_deinit(&text);
    return rc;
}

static int find_row(void *ctx, const struct ledger_row *row)
{
    struct wanted *t = ctx;
    int rc = has_origin(t->r, row->experiment, t->origin);

    if (rc <= 0)
        return rc;
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
    struct wanted t = {.r = r, .c = c};

    try_rows_origin(c, t.origin);
    TRY(ledger_each(r->ledger, json_integer_value(json_object_get(c->pending, "rows")) + 1, 0,
                    find_row, &t));
    *n = t.verdict;
    return 0;
}
