/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/history/bisect.h"
#include "ratchet/try/record.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: ratchet bisect CASE [--from REV] [--to REV] [--features SET] [--measure [--units N]] "
    "[--json]\n"
    "\n"
    "Where a case got slower, or faster. Adds up what every win measured in it, the small losses "
    "of\n"
    "wins about something else too, and names the steps that clearly changed it (by three "
    "standard\n"
    "errors).\n"
    "\n"
    "  --from REV      begin at this kernel: an experiment's number (its win), 34^ (what it was\n"
    "                  tried on), a commit (default: the first kernel)\n"
    "  --to REV        end at this one (default: HEAD)\n"
    "  --features SET  the path of these features alone: scalar, avx2, avx512 or amx\n"
    "  --measure       measure the last kernel against older ones with today's judge instead\n"
    "                  (minutes each; the machine to itself), halving the range while a half "
    "clearly\n"
    "                  holds the change; kernels that do not build against today's contract are\n"
    "                  passed over. Records nothing\n"
    "  --units N       at most N units a stage of a measurement (default: 40)\n"
    "Exit: 0, 1 with --measure: cannot tell, 2 usage, 3 cannot be read or measured here.\n";

/* --- what the ledger says --- */

static const char *mark_of(const struct bisect_point *p)
{
    static const char *const marks[] = {"slower", "", "faster"};

    return marks[bisect_clear(&p->step) + 1];
}

static void print_point(const struct bisect_point *p)
{
    struct strbuf name = {0}, text = {0};
    char step[80], so_far[80];

    bisect_point_name(p, &name);
    cmd_line(&text, p->text, 50);
    cmd_sum(&p->so_far, so_far);
    cmd_estimate(p->estimate, p->low, p->high, step, sizeof step);
    printf("  %-17s %-27s %-7s %-29s %s\n", name.data, step, mark_of(p), so_far, text.data);
    strbuf_deinit(&name);
    strbuf_deinit(&text);
}

/* "clearly slower in experiment 34 (-1.20 %), commit ..." */
static void print_steps(const struct bisect *b, int direction, const char *word)
{
    struct strbuf list = {0};

    for (size_t i = 1; i < b->n; i++)
        if (b->points[i].kind == BISECT_MEASURED && bisect_clear(&b->points[i].step) == direction) {
            strbuf_addf(&list, list.len ? ", " : "");
            bisect_point_name(&b->points[i], &list);
            strbuf_addf(&list, " (%+.2f %%)", 100 * expm1(b->points[i].estimate));
        }
    printf("clearly %s in: %s\n", word, list.len ? list.data : "no step");
    strbuf_deinit(&list);
}

static void print_claims(const char *name, const struct bisect *b)
{
    size_t n[4] = {0}; /* steps by kind */

    printf("%s from %.10s", name, git_oid_tostr_s(&b->points[0].commit));
    printf(" to %.10s, as the wins measured it\n", git_oid_tostr_s(&b->points[b->n - 1].commit));
    printf("  %-17s %-27s %-7s %-29s %s\n", "win", "this step, 95 % interval", "", "so far",
           "hypothesis");
    for (size_t i = 1; i < b->n; i++) {
        n[b->points[i].kind]++;
        if (b->points[i].kind == BISECT_MEASURED)
            print_point(&b->points[i]);
    }
    print_steps(b, -1, "slower");
    print_steps(b, 1, "faster");
    if (n[BISECT_UNMEASURED] + n[BISECT_OTHER_PATH])
        printf("not in the sums: %zu win%s that did not measure it, %zu of another path\n",
               n[BISECT_UNMEASURED], n[BISECT_UNMEASURED] == 1 ? "" : "s", n[BISECT_OTHER_PATH]);
    if (n[BISECT_PLAIN])
        printf("not in the sums: %zu commit%s that changed the kernel without an experiment; "
               "--measure sees what they did\n",
               n[BISECT_PLAIN], n[BISECT_PLAIN] == 1 ? "" : "s");
}

static json_t *point_json(const struct bisect_point *p)
{
    static const char *const kinds[] = {"measured", "not measured", "another path",
                                        "no experiment"};
    json_t *o = json_pack("{s:s, s:s, s:I, s:o, s:i}", "commit", git_oid_tostr_s(&p->commit),
                          "kind", kinds[p->kind], "experiment", (json_int_t)p->experiment, "so_far",
                          cmd_sum_json(&p->so_far), "clear", bisect_clear(&p->step));

    record_set_real(o, "estimate", p->estimate);
    record_set_real(o, "low", p->low);
    record_set_real(o, "high", p->high);
    record_set_text(o, "text", p->text);
    return o;
}

static json_t *claims_json(const char *name, const struct bisect *b)
{
    json_t *steps = json_array();

    for (size_t i = 1; i < b->n; i++)
        json_array_append_new(steps, point_json(&b->points[i]));
    return json_pack("{s:s, s:s, s:o}", "case", name, "from", git_oid_tostr_s(&b->points[0].commit),
                     "steps", steps);
}

/* --- what measuring says --- */

static void pair_text(const struct bisect *b, const struct bisect_pair *p, struct strbuf *out)
{
    char change[80];

    cmd_sum(&p->change, change);
    bisect_point_name(&b->points[p->to], out);
    strbuf_addf(out, " against ");
    bisect_point_name(&b->points[p->from], out);
    strbuf_addf(out, ": %s", change);
}

static void print_found(const char *name, const struct bisect *b, const struct bisect_found *f)
{
    struct strbuf text = {0};

    for (size_t i = 0; i < f->n_skips; i++) {
        strbuf_clear(&text);
        bisect_point_name(&b->points[f->skips[i].point], &text);
        strbuf_addf(&text, ": ");
        cmd_line(&text, f->skips[i].reason, 120);
        printf("  passed over  %s\n", text.data);
    }
    for (size_t i = 0; i < f->n_pairs; i++) {
        strbuf_clear(&text);
        pair_text(b, &f->pairs[i], &text);
        printf("  measured     %s\n", text.data);
    }
    strbuf_clear(&text);
    pair_text(b, &f->range, &text);
    if (f->found) {
        printf("%s got %s in %s\n", name, f->range.change.mean < 0 ? "slower" : "faster",
               text.data);
        strbuf_clear(&text);
        cmd_line(&text, b->points[f->range.to].text, 0);
        printf("  %s\n", text.data);
    } else {
        printf("cannot tell where %s changed: %s; what is left: %s\n", name, f->why, text.data);
    }
    strbuf_deinit(&text);
}

static json_t *pair_json(const struct bisect *b, const struct bisect_pair *p)
{
    return json_pack("{s:o, s:o, s:o}", "from", point_json(&b->points[p->from]), "to",
                     point_json(&b->points[p->to]), "change", cmd_sum_json(&p->change));
}

static json_t *found_json(const char *name, const struct bisect *b, const struct bisect_found *f)
{
    json_t *pairs = json_array(), *skips = json_array(), *o;

    for (size_t i = 0; i < f->n_pairs; i++)
        json_array_append_new(pairs, pair_json(b, &f->pairs[i]));
    for (size_t i = 0; i < f->n_skips; i++) {
        json_t *skip = point_json(&b->points[f->skips[i].point]);

        record_set_text(skip, "reason", f->skips[i].reason);
        json_array_append_new(skips, skip);
    }
    o = json_pack("{s:s, s:b, s:o, s:o, s:o}", "case", name, "found", (int)f->found, "range",
                  pair_json(b, &f->range), "measured", pairs, "skipped", skips);
    record_set_text(o, "why", f->why);
    return o;
}

/* --- command --- */

static int measured(struct ratchet *r, const struct bisect_options *o, const struct bisect *b,
                    bool json)
{
    struct bisect_found found = {0};
    int rc = bisect_measure(r, o, b, &found);

    if (rc == 0 && json)
        cmd_json(found_json(o->case_name, b, &found));
    else if (rc == 0)
        print_found(o->case_name, b, &found);
    if (rc == 0)
        rc = found.found ? 0 : 1;
    bisect_found_deinit(&found);
    return rc;
}

struct name_search {
    struct ledger *l;
    const char *name;
};

static int case_is(void *ctx, const struct ledger_case *c)
{
    const struct name_search *s = ctx;

    return strcmp(c->name, s->name) == 0;
}

static int row_has(void *ctx, const struct ledger_row *row)
{
    struct name_search *s = ctx;

    return ledger_cases(s->l, row->experiment, case_is, s);
}

/* A case by its name; an operation has many. What today's problem does not have cannot be measured,
 * but may stand in older rows. */
static int case_check(struct ratchet *r, const char *name, bool measure)
{
    struct name_search search = {r->ledger, name};
    int known = judge_case_check(name) == 0;

    if (!known && !measure)
        known = ledger_each(r->ledger, 1, 0, row_has, &search);
    if (known)
        return known < 0 ? known : 0;
    return err_set(ERR_USAGE, "bisect %s: no case has this name%s; `judge roofline` lists them",
                   name, measure ? " in today's problem" : "");
}

static int options_check(struct ratchet *r, const struct bisect_options *o, bool measure)
{
    uint64_t bits;

    if (o->features)
        TRY(cpu_features_named(o->features, &bits));
    return case_check(r, o->case_name, measure);
}

int cmd_bisect(int argc, char **argv)
{
    struct bisect_options o = {0};
    const char *units = NULL;
    int64_t n_units = 0;
    bool json = false, measure = false;
    const struct cmd_arg args[] = {
        {"", NULL, &o.case_name, NULL},      {"--from", NULL, &o.from, NULL},
        {"--to", NULL, &o.to, NULL},         {"--features", NULL, &o.features, NULL},
        {"--measure", NULL, NULL, &measure}, {"--units", NULL, &units, NULL},
        {"--json", NULL, NULL, &json},       {NULL, NULL, NULL, NULL}};
    struct ratchet *r = NULL;
    struct bisect b = {0};
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    if (!o.case_name)
        return cmd_error(err_set(ERR_USAGE, "bisect: which case? (judge roofline lists them)"));
    if (units && !measure)
        return cmd_error(err_set(ERR_USAGE, "--units goes with --measure"));
    rc = cmd_number("--units", units, &n_units);
    o.max_units = (uint32_t)n_units;
    if (rc == 0)
        rc = cmd_open(stderr, &r);
    if (rc == 0)
        rc = options_check(r, &o, measure);
    if (rc == 0)
        rc = bisect_open(r, &o, &b);
    if (rc == 0 && measure)
        rc = measured(r, &o, &b, json);
    else if (rc == 0 && json)
        cmd_json(claims_json(o.case_name, &b));
    else if (rc == 0)
        print_claims(o.case_name, &b);
    bisect_deinit(&b);
    ratchet_close(&r);
    return rc < 0 ? cmd_error(rc) : rc;
}
