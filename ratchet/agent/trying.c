/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/trying.h"

#include "ratchet/agent/try_rows.h"
#include "reference/base/err.h"

#include <string.h>

static const char *announced(const struct ending *e, const char *key)
{
    return json_string_value(json_object_get(e->c->pending, key));
}

/* Something that outlived the agent could have changed its files after they were looked at. */
static void look_at_row(struct ending *e, const struct ledger_row *row)
{
    if (strcmp(row->parent, announced(e, "base")) == 0 &&
        strcmp(row->kernel, announced(e, "kernel")) != 0)
        ending_notice(e, "its files changed after it had ended");
}

/* The round ends with what row n says of it. */
static int settle(struct ratchet *r, struct ending *e, int64_t n)
{
    struct ledger_row row;
    int rc;

    TRY(try_rows_repeated(r, e->c, n));
    rc = ledger_find(r->ledger, n, &row);
    if (rc == 0)
        rc = err_set(ERR_INTEGRITY, "the ledger has no row %lld", (long long)n);
    TRY(rc);
    look_at_row(e, &row);
    rc = ending_tried(e, &row, try_rows_overtaken(r, &row));
    ledger_row_deinit(&row);
    return rc;
}

/* The ratchet would not try it, or it did and could not bring that to its end. */
static int refused(struct ratchet *r, struct ending *e)
{
    char why[400];
    int64_t n;

    snprintf(why, sizeof why, "%s", err_message());
    TRY(try_rows_find(r, e->c, &n));
    if (n) {
        TRY(ratchet_begin(r)); /* which brings it there, or says why not */
        TRY(try_rows_find(r, e->c, &n));
    }
    return n ? settle(r, e, n) : ending_untried(e, OUTCOME_REFUSED, "%s", why);
}

int trying_run(struct ratchet *r, struct ending *e, const struct workspace *w)
{
    json_t *pending = json_incref(e->c->pending); /* the campaign lets go of it at the end */
    char origin[64];
    struct ratchet_try_options o = {.hypothesis = announced(e, "hypothesis"),
                                    .focus = announced(e, "focus"),
                                    .base = announced(e, "base"),
                                    .author = campaign_text(e->c, "author"),
                                    .origin = origin,
                                    .folder = w->tree.data,
                                    .wait = true};
    struct ratchet_result result;
    int rc;

    try_rows_origin(e->c, origin);
    rc = ratchet_try(r, &o, &result);
    if (rc == ERR_CONFLICT || rc == ERR_USAGE || rc == ERR_RANGE) {
        rc = refused(r, e);
    } else if (rc == 0) {
        ratchet__kill_point("agent:", "judged");
        rc = settle(r, e, result.row.experiment);
        ratchet_result_deinit(&result);
    }
    json_decref(pending);
    return rc;
}

/* Is what was to be tried still there? */
static bool still_there(const struct ending *e, const struct workspace *w)
{
    char now[SHA256_HEX];

    return workspace_kernel(w, now) == 0 && strcmp(now, announced(e, "kernel")) == 0;
}

int trying_finish(struct ratchet *r, struct ending *e, const struct workspace *w)
{
    int64_t n;

    TRY(ratchet_begin(r)); /* which finishes, or records as interrupted, what was under way */
    TRY(try_rows_find(r, e->c, &n));
    if (n)
        return settle(r, e, n);
    if (!still_there(e, w))
        return ending_untried(e, OUTCOME_INTERRUPTED,
                              "before it was judged, and its files are gone from %s", w->tree.data);
    return trying_run(r, e, w);
}
