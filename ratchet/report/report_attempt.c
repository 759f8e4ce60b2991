/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/report/report_attempt.h"

#include "ratchet/history/kernel_diff.h"
#include "ratchet/report/report_data.h"
#include "ratchet/try/record.h"
#include "reference/base/strbuf.h"

#include <string.h>

/* --- cases --- */

json_t *report_case(const char *name, const char *op)
{
    json_t *o = json_pack("{s:s, s:s, s:f, s:n, s:n, s:n}", "name", name, "op", op, "weight", 0.0,
                          "threads", "ops", "bytes");

    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];
        struct problem_work work;

        if (strcmp(c->name, name) != 0 || compute_flops(c, &work) < 0)
            continue;
        json_object_set_new(o, "threads", json_integer(c->n_threads));
        record_set_real(o, "ops", work.flops_f32 + work.ops_int8 + work.ops_bf16);
        record_set_real(o, "bytes", work.bytes_read + work.bytes_written);
        break;
    }
    return o;
}

static size_t case_index(json_t *cases, const json_t *k)
{
    const json_t *have;
    size_t i;

    json_array_foreach(cases, i, have)
    {
        if (strcmp(record_get_text(have, "name"), record_get_text(k, "name")) == 0)
            return i;
    }
    json_array_append_new(cases, report_case(record_get_text(k, "name"), record_get_text(k, "op")));
    return i;
}

/* A number or null. */
static json_t *number(const json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);

    return json_is_number(v) ? json_incref(v) : json_null();
}

/* Weights are those of the newest record: the mix as it is judged today. */
static json_t *cases_short(const json_t *measured, json_t *cases)
{
    static const char *const members[] = {"estimate",     "low",          "high",
                                          "candidate_ns", "incumbent_ns", "floor_ns"};
    json_t *out = json_array(), *k;
    size_t i;

    for (i = 0; json_array_size(measured) && i < json_array_size(cases); i++)
        json_object_set_new(json_array_get(cases, i), "weight", json_real(0));
    json_array_foreach(measured, i, k)
    {
        size_t index = case_index(cases, k);
        json_t *row = json_pack("[I]", (json_int_t)index);

        for (size_t m = 0; m < sizeof members / sizeof *members; m++)
            json_array_append_new(row, number(k, members[m]));
        json_array_append_new(row, json_string(record_get_text(k, "regime")));
        json_array_append_new(out, row);
        json_object_set_new(json_array_get(cases, index), "weight", number(k, "weight"));
    }
    return out;
}

/* --- the change of the kernel --- */

/* What does not fit is cut after a line. */
static void set_diff(struct ratchet *r, int64_t n, json_t *o)
{
    char before[32], after[32];
    struct history_diff diff;

    snprintf(before, sizeof before, "%lld^", (long long)n);
    snprintf(after, sizeof after, "%lld", (long long)n);
    if (history_diff(r, before, after, &diff) == 0) {
        bool cut = diff.patch.len > REPORT_DIFF_BYTES;

        if (cut) {
            diff.patch.data[REPORT_DIFF_BYTES] = '\0';
            *(strrchr(diff.patch.data, '\n') + 1) = '\0';
        }
        record_set_text(o, "diff", strbuf_str(&diff.patch));
        json_object_set_new(o, "diff_cut", json_boolean(cut));
        json_object_set_new(o, "added", json_integer((json_int_t)diff.n_added));
        json_object_set_new(o, "removed", json_integer((json_int_t)diff.n_removed));
    }
    history_diff_deinit(&diff);
}

/* The row's texts, valid whatever a ledger from elsewhere has in them. */
static void set_texts(json_t *o, const struct ledger_row *row)
{
    const struct {
        const char *key, *text;
    } texts[] = {{"time", row->time},         {"verdict", row->verdict},
                 {"author", row->author},     {"hypothesis", row->hypothesis},
                 {"parent", row->parent},     {"attempt", row->attempt},
                 {"judge", row->judge},       {"machine", row->machine},
                 {"compiler", row->compiler}, {"focus", row->focus},
                 {"reason", row->reason},     {"regime", row->regime},
                 {"counters", row->counters}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        record_set_text(o, texts[i].key, texts[i].text);
}

json_t *report_attempt(struct ratchet *r, const struct ledger_row *row, const json_t *details,
                       json_t *cases)
{
    static const char *const unread[] = {"kernel",  "seeds",    "code_key",
                                         "details", "previous", "hash"};
    static const char *const kept[] = {"next",     "features",        "continued_from",
                                       "evidence", "disturbed_share", "steal_share"};
    json_t *o = ledger_row_json(row), *v;

    for (size_t i = 0; i < sizeof unread / sizeof *unread; i++)
        json_object_del(o, unread[i]);
    set_texts(o, row);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        v = json_object_get(details, kept[i]);
        if (v)
            json_object_set(o, kept[i], v);
    }
    json_object_set_new(o, "cases", cases_short(json_object_get(details, "cases"), cases));
    if (strcmp(row->verdict, LEDGER_SEAL) != 0)
        set_diff(r, row->experiment, o);
    return o;
}
