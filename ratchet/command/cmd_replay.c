/* SPDX-License-Identifier: Apache-2.0
 *
 * ratchet audit --replay N, for people and as JSON. */
#include "ratchet/audit/replay.h"
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"
#include "ratchet/try/record.h"

#include "reference/base/strbuf.h"

#include <math.h>

static const struct {
    const char *word, *sentence;
} findings[] = {
    [REPLAY_HOLDS] = {"holds", "the claim holds"},
    [REPLAY_LARGER] = {"larger", "the claim holds: today it is faster than claimed"},
    [REPLAY_SMALLER] = {"smaller", "a gain still, but clearly less than claimed"},
    [REPLAY_GONE] = {"gone", "the claim does not hold today"},
    [REPLAY_UNCLEAR] = {"unclear",
                        "cannot tell: what was measured fits the claim and its contrary"},
};

static void print_sums(const char *name, const struct honesty_sum *claimed,
                       const struct honesty_sum *measured)
{
    char then[80], now[80];

    cmd_sum(claimed, then);
    cmd_sum(measured, now);
    printable_printf(stdout, "  %-28s %-30s %s\n", name, then, now);
}

static void print_drift(const struct replay *p)
{
    if (p->through_head)
        puts("  remark     today's check refuses its kernel: HEAD's was measured against both "
             "sides, "
             "and the\n             difference counts");
    if (!p->same_judge)
        puts("  remark     the judge has changed since: cases, inputs or rule may not be the same");
    if (!p->same_machine)
        printable_printf(stdout, "  remark     it was judged on another machine: %s\n",
                         p->row.machine);
    if (!p->same_compiler)
        printable_printf(stdout, "  remark     it was built by another compiler: %s\n",
                         p->row.compiler);
}

static void replay_print(const struct ratchet_judge *judge, const struct replay *p)
{
    struct strbuf line = {0};

    cmd_line(&line, p->row.hypothesis, 100);
    printable_printf(stdout, "experiment %lld again: %s then, %s now", (long long)p->row.experiment,
                     p->row.verdict, judge->verdict_name(p->verdict));
    printable_printf(stdout, "%s%s; features %s; %u units\n  hypothesis %s\n",
                     p->row.focus[0] ? "; focus " : "", p->row.focus, p->features, p->n_units,
                     strbuf_str(&line));
    if (!isnan(p->claimed.mean)) {
        printf("  %-28s %-30s %s\n", "", "faster then, 95 % interval", "faster now");
        for (size_t i = 0; i < p->n_cases; i++)
            print_sums(p->cases[i].name, &p->cases[i].claimed, &p->cases[i].measured);
        print_sums("total", &p->claimed, &p->measured);
    }
    strbuf_clear(&line);
    cmd_line(&line, p->reason, 0);
    printf("  saw        %s\n", strbuf_str(&line));
    print_drift(p);
    printf("%s\n", findings[p->finding].sentence);
    strbuf_deinit(&line);
}

static json_t *replay_json(const struct ratchet_judge *judge, const struct replay *p)
{
    json_t *cases = json_array(), *o;

    for (size_t i = 0; i < p->n_cases; i++)
        json_array_append_new(cases, json_pack("{s:s, s:o, s:o}", "name", p->cases[i].name,
                                               "claimed", cmd_sum_json(&p->cases[i].claimed),
                                               "measured", cmd_sum_json(&p->cases[i].measured)));
    o = json_pack("{s:I, s:s, s:s, s:s, s:o, s:o, s:i, s:o, s:b, s:b, s:b}", "experiment",
                  (json_int_t)p->row.experiment, "verdict_then", p->row.verdict, "verdict",
                  judge->verdict_name(p->verdict), "finding", findings[p->finding].word, "claimed",
                  cmd_sum_json(&p->claimed), "measured", cmd_sum_json(&p->measured), "units",
                  (int)p->n_units, "cases", cases, "same_judge", (int)p->same_judge, "same_machine",
                  (int)p->same_machine, "same_compiler", (int)p->same_compiler);
    record_set_text(o, "reason", p->reason);
    json_object_set_new(o, "through_head", json_boolean(p->through_head));
    return o;
}

int cmd_replay(int64_t n, uint32_t max_units, bool json)
{
    struct ratchet *r = NULL;
    struct replay p;
    int rc = cmd_open(stderr, &r);

    if (rc == 0)
        rc = replay_measure(r, n, max_units, &p);
    if (rc == 0 && json)
        cmd_json(replay_json(r->judge, &p));
    else if (rc == 0)
        replay_print(r->judge, &p);
    if (rc == 0) {
        rc = p.finding == REPLAY_HOLDS || p.finding == REPLAY_LARGER ? 0 : 1;
        replay_deinit(&p);
    }
    ratchet_close(&r);
    return rc < 0 ? cmd_error(rc) : rc;
}
