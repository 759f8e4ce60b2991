/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/evidence.h"

#include "judge/rule/trial.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdio.h>
#include <string.h>

int judge_evidence_key(const struct judge_build *candidate, const struct judge_build *incumbent,
                       const struct judge_options *o, char out[SHA256_HEX])
{
    struct strbuf text = {0};
    char machine[256];

    judge_machine_fingerprint(machine);
    strbuf_addf(&text, "%s\n%s\n%s\n%s\n%s\n%s\n%s\n", judge_build_code_key(candidate),
                judge_build_code_key(incumbent), judge_hash, machine,
                judge_build_compiler(candidate), o->features ? o->features : "all",
                o->focus ? o->focus : "");
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (problem_shipped.cases[i].weight > 0)
            strbuf_addf(&text, "%s %.17g\n", problem_shipped.cases[i].name,
                        problem_shipped.cases[i].weight);
    sha256_hex(text.data, text.len, out);
    strbuf_deinit(&text);
    return 0;
}

/* --- reading --- */

static int bad(const char *what)
{
    return err_set(ERR_FORMAT, "evidence of an earlier trial: %s does not read", what);
}

static bool read_pair(const json_t *pair, double *a, double *b)
{
    const json_t *x = json_array_get(pair, 0), *y = json_array_get(pair, 1);

    *a = json_number_value(x);
    *b = json_number_value(y);
    return json_is_number(x) && json_is_number(y);
}

/* A process that has seen n units. */
static bool read_process(const json_t *pair, uint32_t n, struct eprocess *e)
{
    json_int_t up = json_integer_value(json_array_get(pair, 0));
    json_int_t down = json_integer_value(json_array_get(pair, 1));

    e->n_up = (uint32_t)up;
    e->n_down = (uint32_t)down;
    return up >= 0 && down >= 0 && up + down == (json_int_t)n;
}

static int read_stage(const json_t *o, struct evidence_stage *out)
{
    json_int_t n = json_integer_value(json_object_get(o, "units"));
    const json_t *cases = json_object_get(o, "cases"), *vetoes = json_object_get(o, "veto");
    const json_t *floors = json_object_get(o, "floor");
    struct decide_sums *s = &out->seen;

    out->accepted = json_is_true(json_object_get(o, "accepted"));
    out->n_cases = json_array_size(cases);
    if (n < 0 || n > UINT32_MAX || out->n_cases > DECIDE_MAX_CASES ||
        json_array_size(vetoes) != out->n_cases || json_array_size(floors) != out->n_cases)
        return bad("a stage");
    s->n = (uint32_t)n;
    if (!read_process(json_object_get(o, "accept"), s->n, &s->accept) ||
        !read_process(json_object_get(o, "give_up"), s->n, &s->give_up) ||
        !read_pair(json_object_get(o, "d"), &s->d_sum, &s->d_squares))
        return bad("D");
    for (size_t i = 0; i < out->n_cases; i++)
        if (!read_process(json_array_get(vetoes, i), s->n, &s->veto[i]) ||
            !read_process(json_array_get(floors, i), s->n, &s->floor[i]) ||
            !read_pair(json_array_get(cases, i), &s->case_sum[i], &s->case_squares[i]))
            return bad("a case");
    return 0;
}

int evidence_read(const json_t *object, const char *key, struct evidence *out)
{
    const char *its_key = json_string_value(json_object_get(object, "key"));
    const char *verdict = json_string_value(json_object_get(object, "verdict"));
    const char *reason = json_string_value(json_object_get(object, "reason"));
    const json_t *stages = json_object_get(object, "stages");

    memset(out, 0, sizeof *out);
    if (!its_key || !key[0] || strcmp(its_key, key))
        return 0;
    if (!verdict || judge_verdict_parse(verdict) < 0 || json_array_size(stages) > 2)
        return bad("the verdict");
    out->found = true;
    out->margin = json_number_value(json_object_get(object, "margin"));
    out->experiment = json_integer_value(json_object_get(object, "experiment"));
    out->closed = json_is_true(json_object_get(object, "closed"));
    out->verdict = (enum judge_verdict)judge_verdict_parse(verdict);
    snprintf(out->reason, sizeof out->reason, "%s", reason ? reason : "");
    out->n_stages = (uint32_t)json_array_size(stages);
    for (uint32_t i = 0; i < out->n_stages; i++)
        TRY(read_stage(json_array_get(stages, i), &out->stage[i]));
    return 0;
}

/* --- writing --- */

static json_t *process_json(const struct eprocess *e)
{
    return json_pack("[i,i]", (int)e->n_up, (int)e->n_down);
}

static json_t *stage_json(const struct evidence_stage *s)
{
    const struct decide_sums *seen = &s->seen;
    json_t *cases = json_array(), *vetoes = json_array(), *floors = json_array();

    for (size_t i = 0; i < s->n_cases; i++) {
        json_array_append_new(cases, json_pack("[f,f]", seen->case_sum[i], seen->case_squares[i]));
        json_array_append_new(vetoes, process_json(&seen->veto[i]));
        json_array_append_new(floors, process_json(&seen->floor[i]));
    }
    return json_pack("{s:i, s:b, s:o, s:o, s:[f,f], s:o, s:o, s:o}", "units", (int)seen->n,
                     "accepted", (int)s->accepted, "accept", process_json(&seen->accept), "give_up",
                     process_json(&seen->give_up), "d", seen->d_sum, seen->d_squares, "veto",
                     vetoes, "floor", floors, "cases", cases);
}

/* A retry may change nothing about what was shown of this code: that it is no gain, wrong, or not
 * worth more units. What a machine that was unfit, or a kernel that hung or died, left open goes
 * on. */
static bool trial_closed(const struct trial *t)
{
    const struct trial_stage *last = t->n_stages ? &t->stage[t->n_stages - 1] : NULL;

    switch (t->out->verdict) {
    case JUDGE_LOSS:
    case JUDGE_FAIL_CORRECTNESS:
    case JUDGE_FAIL_CONTRACT:
    case JUDGE_CHEAT:
        return true;
    case JUDGE_INCONCLUSIVE:
        return last && (last->outcome != TRIAL_CAP || last->rule.seen.n >= RULE_CAP_UNITS);
    default:
        return false;
    }
}

/* What is known of stage i now: what this trial saw on top of the earlier ones or, when it got to no
 * unit of it (no peaks, a crash at once, a check that hung), what they left. n_cases 0: nothing. */
static struct evidence_stage stage_known(const struct trial *t, uint32_t i)
{
    const struct trial_stage *s = &t->stage[i];

    if (i < t->n_stages && s->rule.n_cases)
        return (struct evidence_stage){s->rule.n_cases, s->outcome == TRIAL_ACCEPT, s->rule.seen};
    return i < t->earlier.n_stages ? t->earlier.stage[i] : (struct evidence_stage){0};
}

/* A confirmation that accepted is not carried over, whatever became of the trial after it: the next
 * one has to accept again. */
json_t *evidence_json(const struct trial *t)
{
    json_t *stages = json_array(), *o;
    char reason[400];

    if (!t->key[0])
        return json_null();
    if (t->earlier.closed)
        return json_deep_copy(t->o->evidence);
    for (uint32_t i = 0; i < 2; i++) {
        struct evidence_stage known = stage_known(t, i);

        if (known.n_cases && !(i == 1 && known.accepted))
            json_array_append_new(stages, stage_json(&known));
    }
    snprintf(reason, sizeof reason, "%.399s", t->out->reason);
    o = json_pack("{s:s, s:f, s:b, s:s, s:o, s:o}", "key", t->key, "margin", t->margin, "closed",
                  (int)trial_closed(t), "verdict", judge_verdict_name(t->out->verdict), "reason",
                  trial_json_text(reason), "stages", stages);
    return o;
}
