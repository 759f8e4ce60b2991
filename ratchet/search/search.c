/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/search.h"

#include "judge/rule/rule.h"
#include "ratchet/try/controls.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const int64_t search_budget_most = (int64_t)(1 / RULE_ALPHA_CONFIRM + 0.5);

static const char *text_or(const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

/* Everything that makes two searches the same one. */
static void name_search(struct search *s)
{
    struct strbuf text = {0};
    char hex[SHA256_HEX];

    strbuf_addf(&text, "%s\n%" PRIu64 "\n%s\n%s\n%s\n", git_oid_tostr_s(&s->start), s->seed,
                s->focus, s->features, s->strategy->name);
    space_text(&s->space, &text);
    sha256_hex(text.data, text.len, hex);
    snprintf(s->id, sizeof s->id, "%s-%.8s", s->strategy->name, hex);
    strbuf_deinit(&text);
}

/* --- rows of a search --- */

struct own_row {
    const char *id; /* that is looked for; "" = any */
    char found[SEARCH_ID];
    char *hypothesis, *focus, *judge, *machine; /* of the newest; NULL = there is none */
};

static bool hypothesis_id(const char *hypothesis, char id[SEARCH_ID])
{
    char strategy[12], hex[9];
    unsigned long number;

    if (sscanf(hypothesis, "search %11[a-z]-%8[0-9a-f] #%lu:", strategy, hex, &number) != 3)
        return false;
    snprintf(id, SEARCH_ID, "%s-%s", strategy, hex);
    return true;
}

static int look_at_row(void *ctx, const struct ledger_row *row)
{
    struct own_row *o = ctx;
    char id[SEARCH_ID];

    if (!hypothesis_id(row->hypothesis, id) || (o->id[0] && strcmp(o->id, id) != 0))
        return 0;
    memcpy(o->found, id, sizeof id);
    ledger_text_set(&o->hypothesis, row->hypothesis);
    ledger_text_set(&o->focus, row->focus);
    ledger_text_set(&o->judge, row->judge);
    ledger_text_set(&o->machine, row->machine);
    return 0;
}

static int find_own_row(struct ratchet *r, const char *id, struct own_row *out)
{
    *out = (struct own_row){.id = id};
    return ledger_each(r->ledger, 1, 0, look_at_row, out);
}

static void own_row_deinit(struct own_row *o)
{
    free(o->hypothesis);
    free(o->focus);
    free(o->judge);
    free(o->machine);
}

/* --- begin and resume --- */

static int read_start(struct search *s, const char *over, const char *range)
{
    struct kernel_files files;
    int rc = kernel_files_read(s->r, &s->start, &files);

    if (rc == 0)
        rc = space_select(&files.tunables, over, range, &s->space);
    if (rc == 0)
        rc = kernel_files_point(&files, &s->space, &s->start_at);
    kernel_files_deinit(&files);
    return rc;
}

static int refuse_twin(struct search *s)
{
    struct own_row row;
    int rc = find_own_row(s->r, s->id, &row);

    if (rc == 0 && row.hypothesis)
        rc = err_set(ERR_CONFLICT,
                     "this very search is in the ledger; to go on: ratchet search --resume %s; for "
                     "other points: another --seed",
                     s->id);
    own_row_deinit(&row);
    return rc;
}

int search_begin(struct ratchet *r, const struct search_options *o, struct search *out)
{
    char branch[REPO_REF];

    *out = (struct search){.r = r,
                           .strategy = o->strategy,
                           .seed = o->seed,
                           .budget = o->budget ? o->budget : SEARCH_BUDGET};
    ledger_text_set(&out->focus, text_or(o->focus, ""));
    ledger_text_set(&out->features, text_or(o->features, RECORD_FEATURES_ALL));
    search_here(out);
    TRY(repo_head(r->repo, branch, &out->start));
    TRY(read_start(out, o->over, o->range));
    name_search(out);
    TRY(refuse_twin(out));
    return search_learn(out);
}

/* Names of "A=1..2,B=3..4": "A,B", in place. */
static void names_of(char *ranges)
{
    char *to = ranges;
    bool name = true;

    for (const char *p = ranges; *p; p++) {
        name = *p == ',' || (name && *p != '=');
        if (name)
            *to++ = *p;
    }
    *to = '\0';
}

static int parse_hypothesis(struct search *s, const char *text)
{
    char over[16384], range[16384], start[REPO_HEX], features[16], strategy[12];
    const char *body = strstr(text, "\n\nover ");

    s->budget = SEARCH_BUDGET; /* of rows that say none */
    if (!body ||
        sscanf(body,
               "\n\nover %16383s\nstart %40[0-9a-f], seed %" SCNu64
               ", features %15[^,\n], budget %4" SCNd64,
               range, start, &s->seed, features, &s->budget) < 4 ||
        s->budget < 1 || s->budget > search_budget_most || git_oid_fromstr(&s->start, start))
        return err_set(ERR_FORMAT,
                       "the last hypothesis of search %s does not say where it began, or within "
                       "which budget; begin another",
                       s->id);
    ledger_text_set(&s->features, features);
    snprintf(strategy, sizeof strategy, "%.*s", (int)strcspn(s->id, "-"), s->id);
    s->strategy = strategy_find(strategy);
    if (!s->strategy)
        return err_set(ERR_UNSUPPORTED, "search %s: there is no strategy %s", s->id, strategy);
    memcpy(over, range, sizeof over);
    names_of(over);
    return read_start(s, over, range);
}

int search_resume(struct ratchet *r, const char *id, int64_t budget, struct search *out)
{
    struct own_row row;
    int rc = find_own_row(r, id ? id : "", &row);

    *out = (struct search){.r = r};
    if (rc == 0 && !row.hypothesis)
        rc = id ? err_set(ERR_USAGE,
                          "the ledger has no row of a search %s; an ID is like bayes-1f2e3d4c "
                          "(ratchet log --grep \"search \"), and without one the last search is "
                          "meant",
                          id)
                : err_set(ERR_USAGE, "the ledger has no row of any search; begin one: "
                                     "ratchet search bayes");
    if (rc == 0) {
        memcpy(out->id, row.found, sizeof out->id);
        ledger_text_set(&out->focus, row.focus);
        ledger_text_set(&out->judge, row.judge);
        ledger_text_set(&out->machine, row.machine);
        rc = parse_hypothesis(out, row.hypothesis);
    }
    if (budget)
        out->budget = budget;
    own_row_deinit(&row);
    return rc < 0 ? rc : search_learn(out);
}

void search_here(struct search *s)
{
    char machine[256];

    s->r->judge->machine(machine);
    ledger_text_set(&s->judge, s->r->judge->hash);
    ledger_text_set(&s->machine, machine);
}

void search_close(struct search *s)
{
    free(s->focus);
    free(s->features);
    free(s->judge);
    free(s->machine);
    observed_deinit(&s->observed);
    shapes_deinit(&s->shapes);
}

/* --- what it says --- */

void search_hypothesis(const struct search *s, const struct point *p, const struct point *from,
                       struct strbuf *out)
{
    strbuf_addf(out, "search %s #%zu: ", s->id, s->n_judged + 1);
    space_point_text(&s->space, p, from, out);
    strbuf_addf(out, "\n\nover ");
    space_text(&s->space, out);
    strbuf_addf(out, "\nstart %s, seed %" PRIu64 ", features %s, budget %" PRId64,
                git_oid_tostr_s(&s->start), s->seed, s->features, s->budget);
}

struct strategy_view search_view(const struct search *s)
{
    struct judge_calibration c;
    int calibrated = controls_load(s->r->judge, &c);

    return (struct strategy_view){.space = &s->space,
                                  .observed = &s->observed,
                                  .seed = s->seed,
                                  .budget = (size_t)s->budget,
                                  .margin = controls_margin(calibrated == 1 ? &c : NULL)};
}
