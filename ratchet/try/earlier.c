/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/earlier.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <string.h>

struct search {
    struct ratchet *r;
    const char *code_key, *key;
    int64_t n;
    json_t *found;
};

/* Column code_key keeps this from reading more than the few records that can match. */
static int look_at(void *ctx, const struct ledger_row *row)
{
    struct search *s = ctx;
    struct strbuf text = {0};
    json_t *record, *evidence;
    const char *key;
    int rc;

    if (strcmp(row->code_key, s->code_key) != 0 || strcmp(row->judge, s->r->judge->hash) != 0)
        return 0;
    rc = ledger_details(s->r->ledger, row->experiment, &text);
    record = rc == 1 ? json_loads(text.data, 0, NULL) : NULL;
    evidence = json_object_get(json_object_get(record, "judge"), "evidence");
    key = json_string_value(json_object_get(evidence, "key"));
    if (key && strcmp(key, s->key) == 0) {
        json_decref(s->found);
        s->found = json_incref(evidence);
        s->n = row->experiment;
    }
    json_decref(record);
    strbuf_deinit(&text);
    return rc < 0 ? rc : 0;
}

int earlier_find(struct ratchet *r, const char *code_key, const char *key, int64_t *n, json_t **out)
{
    struct search s = {.r = r, .code_key = code_key, .key = key};
    int rc = ledger_each(r->ledger, 1, 0, look_at, &s);

    if (rc < 0) {
        json_decref(s.found);
        return rc;
    }
    *out = s.found;
    if (!s.found)
        return 0;
    if (!json_object_get(s.found, "experiment"))
        json_object_set_new(s.found, "experiment", json_integer(s.n));
    *n = json_integer_value(json_object_get(s.found, "experiment"));
    return 1;
}
