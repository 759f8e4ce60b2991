/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/check/variants.h"

#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct variant {
    uint32_t team; /* RIG_ONE, ... */
    enum rig_placement placement;
    bool setup; /* prepare anew; else what the variant before has prepared serves again */
    bool brief; /* also where not all variants are asked for */
};
/* The second is the first once more. */
static const struct variant variants[] = {
    {RIG_ONE, RIG_RIGHT, true, true},   {RIG_ONE, RIG_RIGHT, false, false},
    {RIG_TWO, RIG_RIGHT, false, false}, {RIG_WHOLE, RIG_RIGHT, false, false},
    {RIG_WHOLE, RIG_LEFT, true, true},  {RIG_THREE, RIG_LEFT, false, false},
    {RIG_ONE, RIG_LEFT, false, false},
};
enum { N_VARIANTS = sizeof variants / sizeof variants[0] };

/* One instance with its oracle and the outputs of the first run. */
struct subject {
    struct problem_instance in;
    struct compare_expect expect[PROBLEM_MAX_BUFFERS]; /* OUTPUT buffers */
    unsigned char *first[PROBLEM_MAX_BUFFERS];
};

static void subject_deinit(struct subject *s)
{
    for (uint32_t i = 0; i < PROBLEM_MAX_BUFFERS; i++) {
        compare_expect_deinit(&s->expect[i]);
        free(s->first[i]);
    }
    problem_instance_deinit(&s->in);
}

/* --- comparing --- */

static void finding_values(struct finding *f, const struct compare_expect *e,
                           const unsigned char *got, size_t index, const char *message)
{
    fault_set(&f->fault, JUDGE_FAIL_CORRECTNESS, "%s", message);
    compare_region(e, got, index, &f->region);
}

/* Against the oracle, which is asked only now; keeps a copy that later runs must equal. */
static int first_run_compare(const struct rig *r, struct subject *s, uint32_t sentinel,
                             struct compare_stats *stats, struct finding *f)
{
    char message[256];

    for (uint32_t i = 0; i < s->in.n_buffers && !f->fault.found; i++) {
        const unsigned char *got = rig_output(r, i);
        size_t bytes = s->in.buffers[i].tensor.bytes;

        if (s->in.buffers[i].role != PROBLEM_OUTPUT)
            continue;
        TRY(compare_expect_init(&s->in, i, 0, 0, &s->expect[i]));
        if (!compare_check(&s->expect[i], got, sentinel, stats, message, sizeof message))
            finding_values(f, &s->expect[i], got, compare_worst(&s->expect[i], got), message);
        s->first[i] = malloc(bytes);
        if (!s->first[i])
            return err_set(ERR_NOMEM, "out of memory for outputs");
        memcpy(s->first[i], got, bytes);
    }
    return 0;
}

/* First element that is not bit for bit the first run's; elements that may be anything may also
 * differ. */
static size_t first_difference(const struct compare_expect *e, const unsigned char *first,
                               const unsigned char *got)
{
    for (size_t k = 0; k < e->total; k++) {
        size_t at = compare_element_offset(&e->buffer->tensor, e->element_bytes, k, e->total);

        if (!isinf(e->expect.bound[k]) && memcmp(got + at, first + at, e->element_bytes) != 0)
            return k;
    }
    return e->total;
}

/* When the bits differ, the oracle says first what is wrong with the values. */
static void later_run_compare(const struct rig *r, const struct subject *s, uint32_t sentinel,
                              struct finding *f)
{
    struct compare_stats unused = {0};
    char message[256];

    for (uint32_t i = 0; i < s->in.n_buffers && !f->fault.found; i++) {
        const unsigned char *got = rig_output(r, i);
        const struct compare_expect *e = &s->expect[i];
        size_t k;

        if (s->in.buffers[i].role != PROBLEM_OUTPUT)
            continue;
        k = first_difference(e, s->first[i], got);
        if (k == e->total)
            continue;
        if (compare_check(e, got, sentinel, &unused, message, sizeof message))
            snprintf(message, sizeof message,
                     "%s[element %zu] differs in its bits from the first run with 1 thread, "
                     "right-aligned",
                     e->buffer->name, k);
        else
            k = compare_worst(e, got);
        finding_values(f, e, got, k, message);
    }
}

/* --- running --- */

static void finding_name(struct finding *f, const struct rig *r, const struct variants_job *job,
                         const struct variant *v)
{
    uint32_t n_threads = r->plan->team[v->team];
    const char *placement = v->placement == RIG_RIGHT ? "right" : "left";

    fault_wrap(&f->fault, "case %s, pattern %s, --seed %llu, %u thread%s, %s placement",
               job->c->name, problem_pattern_name(job->pattern),
               (unsigned long long)job->check_seed, n_threads, n_threads == 1 ? "" : "s",
               placement);
    f->region.pattern = job->pattern;
    f->region.input_seed = job->seed;
    f->region.n_threads = n_threads;
    f->region.right_placement = v->placement == RIG_RIGHT;
    snprintf(f->region.case_name, sizeof f->region.case_name, "%s", job->c->name);
}

static int variant_run(struct rig *r, const struct variants_job *job, struct subject *s,
                       uint32_t index, struct judge_check_case *report, struct compare_stats *stats,
                       struct finding *f)
{
    const struct variant *v = &variants[index];
    uint32_t sentinel = compare_sentinel(rng_seed_mix(s->in.seed, 1000 + index));
    uint64_t ns = 0;

    if (v->setup)
        TRY(rig_setup(r, &s->in, v->team, v->placement, &ns, &f->fault));
    if (index == 0 && report->setup_ns == 0)
        report->setup_ns = (double)ns;
    if (!f->fault.found)
        TRY(rig_run(r, &s->in, v->team, sentinel, &f->fault));
    if (!f->fault.found && !job->unjudged) {
        if (index == 0)
            TRY(first_run_compare(r, s, sentinel, stats, f));
        else
            later_run_compare(r, s, sentinel, f);
    }
    report->n_runs++;
    if (f->fault.found)
        finding_name(f, r, job, v);
    return 0;
}

static int subject_check(struct rig *r, const struct rig_plan *plan, const struct variants_job *job,
                         struct subject *s, struct judge_check_case *report,
                         struct compare_stats *stats, struct finding *f)
{
    if (!rig_fits(r, &s->in)) {
        rig_close(r);
        TRY(rig_open(r, plan, &s->in, &f->fault));
        if (f->fault.found)
            fault_wrap(&f->fault, "case %s", job->c->name);
    }
    rig_forget(r);
    for (uint32_t v = 0; v < N_VARIANTS && !f->fault.found; v++) {
        if (!job->all && !variants[v].brief)
            continue;
        TRY(variant_run(r, job, s, v, report, stats, f));
        /* After the first run, and when the whole team has run. */
        if (job->all && !f->fault.found && (v == 0 || variants[v].team == RIG_WHOLE)) {
            TRY(rig_fpu(r, &report->fpu_read, &f->fault));
            if (f->fault.found)
                finding_name(f, r, job, &variants[v]);
        }
    }
    return 0;
}

int variants_check(struct rig *r, const struct rig_plan *plan, const struct variants_job *job,
                   struct judge_check_case *report, struct compare_stats *stats,
                   struct finding *out)
{
    struct subject s = {0};
    int rc = generate_inputs(job->c, job->seed, job->pattern, &s.in);

    if (rc == 0)
        rc = subject_check(r, plan, job, &s, report, stats, out);
    subject_deinit(&s);
    return rc < 0 ? err_wrap("checking case %s", job->c->name) : 0;
}
