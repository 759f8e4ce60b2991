/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/context.h"

#include "ratchet/agent/near.h"
#include "ratchet/agent/roof.h"
#include "ratchet/git/repo.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LAST = 10, NEAR = 5, PROFILE_LINES = 60 };

/* --- attempts --- */

static void set_percent(json_t *o, const char *key, double log_ratio)
{
    record_set_real(o, key, round(1e4 * expm1(log_ratio)) / 100);
}

static json_t *files_of(struct ratchet *r, const struct ledger_row *row)
{
    json_t *files = json_array();
    struct repo_changes changes;
    git_oid before, after;
    size_t others;

    if (git_oid_fromstr(&before, row->parent) || git_oid_fromstr(&after, row->attempt) ||
        repo_changes_between(r->repo, &before, &after, &changes, &others) < 0)
        return files; /* a shallow or pruned clone does not have them */
    for (size_t i = 0; i < changes.n; i++)
        json_array_append_new(files, json_string(changes.item[i].path));
    return files;
}

json_t *context_attempt(struct ratchet *r, const struct ledger_row *row)
{
    json_t *o = json_object();

    json_object_set_new(o, "experiment", json_integer(row->experiment));
    record_set_text(o, "verdict", row->verdict);
    json_object_set_new(o, "focus", row->focus[0] ? json_string(row->focus) : json_null());
    record_set_text(o, "hypothesis", row->hypothesis);
    set_percent(o, "percent", row->estimate);
    set_percent(o, "low", row->low);
    set_percent(o, "high", row->high);
    record_set_text(o, "reason", row->reason);
    json_object_set_new(o, "files", files_of(r, row));
    return o;
}

static int count_verdict(void *ctx, const struct ledger_row *row)
{
    json_t *counts = ctx, *n = json_object_get(counts, row->verdict);

    if (strcmp(row->verdict, LEDGER_SEAL) != 0)
        json_object_set_new(counts, row->verdict, json_integer(json_integer_value(n) + 1));
    return 0;
}

static int set_last(struct ratchet *r, size_t wanted, json_t *o)
{
    json_t *last = json_array();
    int64_t n = ledger_count(r->ledger);

    json_object_set_new(o, "last", last);
    for (; n > 0 && json_array_size(last) < wanted; n--) {
        struct ledger_row row;
        int rc = ledger_find(r->ledger, n, &row);

        if (rc <= 0)
            return rc;
        if (strcmp(row.verdict, LEDGER_SEAL) != 0)
            json_array_append_new(last, context_attempt(r, &row));
        ledger_row_deinit(&row);
    }
    return n < 0 ? (int)n : 0;
}

/* --- the incumbent --- */

struct incumbent {
    const char *kernel, *win;
    char code_key[SHA256_HEX]; /* of HEAD's kernel, "" when no row has it */
    char last_key[SHA256_HEX]; /* of the last win's */
    struct ledger_row row;     /* the win that made it */
    bool found;
};

static int look_at(void *ctx, const struct ledger_row *row)
{
    struct incumbent *in = ctx;

    if (strcmp(row->verdict, in->win) == 0)
        snprintf(in->last_key, sizeof in->last_key, "%s", row->code_key);
    if (strcmp(row->kernel, in->kernel) != 0)
        return 0;
    if (row->code_key[0])
        snprintf(in->code_key, sizeof in->code_key, "%s", row->code_key);
    if (strcmp(row->verdict, in->win) != 0)
        return 0;
    ledger_row_deinit(&in->row);
    ledger_row_init(&in->row);
    in->found = true;
    in->row.experiment = row->experiment;
    in->row.score = row->score;
    in->row.latency_ms = row->latency_ms;
    in->row.utilisation = row->utilisation;
    return 0;
}

static int set_incumbent(struct ratchet *r, json_t *o, struct incumbent *in)
{
    char branch[REPO_REF], digest[SHA256_HEX];
    json_t *incumbent = json_object();
    git_tree *tree = NULL;
    git_oid head;
    int rc;

    json_object_set_new(o, "incumbent", incumbent);
    ledger_row_init(&in->row);
    rc = repo_head(r->repo, branch, &head);
    if (rc == 0)
        rc = repo_tree_of(r->repo, &head, &tree);
    if (rc == 0)
        rc = repo_kernel_digest(r->repo, tree, digest);
    if (rc == 0) {
        in->kernel = digest;
        in->win = r->judge->verdict_name(JUDGE_WIN);
        rc = ledger_each(r->ledger, 1, 0, look_at, in);
    }
    if (rc == 0) {
        json_object_set_new(incumbent, "commit", json_string(git_oid_tostr_s(&head)));
        json_object_set_new(incumbent, "kernel", json_string(digest));
        json_object_set_new(incumbent, "experiment",
                            in->found ? json_integer(in->row.experiment) : json_null());
        record_set_real(incumbent, "score", in->row.score);
        record_set_real(incumbent, "latency_ms", in->row.latency_ms);
        record_set_real(incumbent, "utilisation", in->row.utilisation);
    }
    git_tree_free(tree);
    ledger_row_deinit(&in->row);
    return rc;
}

/* --- the roofline --- */

static double to_roof(const struct roof_case *c)
{
    return c->c->weight * roof_distance(c);
}

/* Farthest first; what is not known last. */
static int by_to_roof(const void *a, const void *b)
{
    double x = to_roof(a), y = to_roof(b);

    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return (x < y) - (x > y);
}

static json_t *case_json(const struct roof_case *c)
{
    json_t *o = json_object();

    json_object_set_new(o, "name", json_string(c->c->name));
    json_object_set_new(o, "op", json_string(c->c->op));
    record_set_real(o, "share", c->c->weight);
    json_object_set_new(o, "regime", c->regime[0] ? json_string(c->regime) : json_null());
    record_set_real(o, "ns", c->ns);
    record_set_real(o, "floor_ns", c->floor_ns > 0 ? c->floor_ns : NAN);
    record_set_real(o, "utilisation", c->utilisation);
    record_set_real(o, "to_roof", to_roof(c));
    json_object_set_new(o, "experiment", c->experiment ? json_integer(c->experiment) : json_null());
    json_object_set_new(o, "same_machine", json_boolean(c->same_machine));
    json_object_set_new(o, "same_judge", json_boolean(c->same_judge));
    return o;
}

static int set_roofline(struct ratchet *r, const char *focus, json_t *o)
{
    json_t *roofline = json_object(), *cases = json_array();
    struct roof roof;
    size_t missing = 0;
    int rc = roof_read(r, focus, &roof);

    json_object_set_new(o, "roofline", roofline);
    json_object_set_new(roofline, "cases", cases);
    qsort(roof.item, roof.n, sizeof *roof.item, by_to_roof);
    for (size_t i = 0; rc == 0 && i < roof.n; i++) {
        json_array_append_new(cases, case_json(&roof.item[i]));
        missing += roof.item[i].experiment == 0;
    }
    json_object_set_new(
        roofline, "reason",
        missing == 0 ? json_null()
                     : json_sprintf("%zu of %zu cases: no experiment on record measured them; "
                                    "`judge roofline` does",
                                    missing, roof.n));
    return rc;
}

/* --- the profile --- */

static json_t *first_lines(const char *text)
{
    json_t *lines = json_array();

    for (const char *p = text; *p && json_array_size(lines) < PROFILE_LINES;) {
        size_t n = strcspn(p, "\n");

        if (n)
            json_array_append_new(lines, json_stringn(p, n));
        p += n + (p[n] == '\n');
    }
    return lines;
}

/* Where `judge profile` writes by itself. */
static void set_profile(struct ratchet *r, const struct incumbent *in, json_t *o)
{
    const char *code_key = in->code_key[0] ? in->code_key : in->last_key;
    json_t *profile = json_object();
    struct strbuf text = {0};
    char path[PATH_MAX];

    json_object_set_new(o, "profile", profile);
    snprintf(path, sizeof path, "%sprofiles/%.12s/summary.md", r->root, code_key);
    if (*code_key && access(path, R_OK) == 0 && file_read(path, &text) == 0) {
        json_object_set_new(profile, "path", json_string(path + strlen(r->root)));
        json_object_set_new(profile, "lines", first_lines(strbuf_str(&text)));
        json_object_set_new(profile, "reason",
                            in->code_key[0] ? json_null()
                                            : json_string("of the last win; the kernel was edited "
                                                          "since by an ordinary commit"));
    } else {
        json_object_set_new(profile, "path", json_null());
        json_object_set_new(profile, "lines", json_array());
        json_object_set_new(profile, "reason",
                            json_string("this kernel has no profile yet; `judge profile` writes "
                                        "one"));
    }
    strbuf_deinit(&text);
}

/* --- the whole --- */

static json_t *contract_json(const char *confinement)
{
    return json_pack(
        "{s:[s,s], s:s, s:s, s:s, s:[s,s,s,s], s:s?}", "mutable", "kernel/*.c", "kernel/*.inc",
        "interface", "kernel/kernel.h", "guide", "AGENTS.md", "taxonomy", "AGENTS.md", "answer",
        "change one thing in the mutable files, in place, and nothing else",
        "then print, as the last line: HYPOTHESIS: what should get faster, and why",
        "or a JSON object on one line: {\"hypothesis\": text, \"focus\": operation or case}; with "
        "a focus all the weight goes to it, unless the campaign has one of its own",
        "print DONE: why when you have no further idea: the loop ends", "confinement", confinement);
}

static void set_head(const struct context_options *o, json_t *doc)
{
    json_object_set_new(doc, "schema", json_string(CONTEXT_SCHEMA));
    record_set_text(doc, "goal",
                    o->goal ? o->goal
                            : "make the kernel faster without changing what it computes; the judge "
                              "decides, on correctness first and then on time");
    json_object_set_new(doc, "focus",
                        o->focus
                            ? json_pack("{s:s, s:s?}", "name", o->focus, "reason", o->focus_reason)
                            : json_null());
    json_object_set_new(doc, "contract", contract_json(o->confinement));
}

static json_t *copy_of(const json_t *value)
{
    return value ? json_deep_copy(value) : json_null();
}

int context_make(struct ratchet *r, const struct context_options *o, json_t **out)
{
    struct incumbent incumbent = {0};
    json_t *doc = json_object(), *verdicts = json_object(), *near = NULL;
    int rc;

    *out = NULL;
    set_head(o, doc);
    rc = set_incumbent(r, doc, &incumbent);
    if (rc == 0)
        rc = set_roofline(r, NULL, doc);
    if (rc == 0) {
        set_profile(r, &incumbent, doc);
        rc = set_last(r, o->n_last ? o->n_last : LAST, doc);
    }
    if (rc == 0)
        rc = near_find(r, o, o->n_near ? o->n_near : NEAR, &near);
    json_object_set_new(doc, "near", near ? near : json_array());
    json_object_set_new(doc, "verdicts", verdicts);
    if (rc == 0)
        rc = ledger_each(r->ledger, 1, 0, count_verdict, verdicts);
    json_object_set_new(doc, "previous", copy_of(o->previous));
    json_object_set_new(doc, "budget", copy_of(o->budget));
    json_object_set_new(doc, "plateau", copy_of(o->plateau));
    if (rc < 0)
        json_decref(doc);
    else
        *out = doc;
    return rc;
}
