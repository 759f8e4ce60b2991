/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/pool.h"

#include "reference/base/checked.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct problem_step *last_step(const struct problem_instance *in)
{
    return &in->steps[in->n_steps - 1];
}

static bool last_step_reads(const struct problem_instance *in, uint32_t buffer)
{
    const struct problem_step *s = last_step(in);

    for (uint32_t i = 0; i < s->call.n_in; i++)
        if (s->in[i] == buffer)
            return true;
    return false;
}

/* True when one of the first n cases is of operation `op`. */
static bool op_is_listed(const char *op, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(problem_shipped.cases[i].op, op) == 0)
            return true;
    return false;
}

int judge_focus_check(const char *focus)
{
    char known[256] = "";

    if (!focus)
        return 0;
    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];
        size_t used = strlen(known);

        if (problem_in_focus(c, focus))
            return 0;
        if (!op_is_listed(c->op, i))
            snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", c->op);
    }
    return err_set(ERR_USAGE, "focus %s: no such case, nor operation; there are %s", focus, known);
}

/* True when a case in focus has weight. */
static bool focus_is_weighted(const char *focus)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (problem_shipped.cases[i].weight > 0 &&
            problem_in_focus(&problem_shipped.cases[i], focus))
            return true;
    return false;
}

static bool case_is_timed(const struct problem_case *c, const char *focus)
{
    return c->weight > 0 || (focus && problem_in_focus(c, focus) && !focus_is_weighted(focus));
}

/* The same for all instances of a case, so one of them tells. */
struct sizes {
    size_t in, out; /* bytes that the last step reads and writes */
    bool has_opaque;
};

static struct sizes sizes_of(const struct problem_instance *in)
{
    struct sizes s = {0};

    for (uint32_t b = 0; b < in->n_buffers; b++) {
        const struct problem_buffer *buffer = &in->buffers[b];

        if (buffer->role == PROBLEM_OUTPUT)
            s.out += buffer->tensor.bytes;
        else if (buffer->role == PROBLEM_INPUT && last_step_reads(in, b))
            s.in += buffer->tensor.bytes;
        else if (buffer->role == PROBLEM_OPAQUE)
            s.has_opaque = true;
    }
    return s;
}

static uint32_t instances_wanted(const struct problem_case *c, size_t cap, const struct sizes *s)
{
    size_t one = problem_instance_pool_bytes(c);
    size_t bytes = c->pool_bytes < cap ? c->pool_bytes : cap;
    size_t n;

    if (!c->pool_bytes) {
        bytes = POOL_HOT_BYTES;
        one = s->in > one ? s->in : one;
        one = s->out > one ? s->out : one;
    }
    n = one ? bytes / one : 0;
    if (n < POOL_MIN_INSTANCES)
        return POOL_MIN_INSTANCES;
    return n < POOL_MAX_INSTANCES ? (uint32_t)n : POOL_MAX_INSTANCES;
}

void pool__region_lay(struct pool_region *r, const struct pool_case *c, const size_t *bytes,
                      const bool *take, size_t *end)
{
    *end = size_align(*end, WORKER_PAGE);
    r->base = *end;
    r->stride = 0;
    for (uint32_t b = 0; b < c->in[0].n_buffers; b++) {
        if (!take[b])
            continue;
        r->at[b] = r->stride;
        r->stride += size_align(bytes[b], KERNEL_ALIGN);
    }
    *end += r->stride * c->n;
}

/* One stride serves all instances of a case. */
static int instances_alike(const struct pool_case *c)
{
    for (uint32_t k = 1; k < c->n; k++)
        for (uint32_t b = 0; b < c->in[0].n_buffers; b++)
            if (c->in[k].n_buffers != c->in[0].n_buffers ||
                c->in[k].buffers[b].max_bytes != c->in[0].buffers[b].max_bytes)
                return err_set(ERR_UNSUPPORTED, "%s: a timed case's sizes must not vary by seed",
                               c->c->name);
    return 0;
}

static int case_generate(struct pool_case *c, uint64_t seed, size_t cap)
{
    struct problem_instance first;
    struct sizes sizes;

    TRY(generate_inputs(c->c, rng_seed_mix(seed, 0), PROBLEM_RANDOM, &first));
    sizes = sizes_of(&first);
    c->n = instances_wanted(c->c, cap, &sizes);
    c->in = calloc(c->n, sizeof *c->in);
    if (!c->in) {
        problem_instance_deinit(&first);
        return err_set(ERR_NOMEM, "%s: out of memory for instances", c->c->name);
    }
    c->in[0] = first;
    for (uint32_t k = 1; k < c->n; k++)
        TRY(generate_inputs(c->c, rng_seed_mix(seed, k), PROBLEM_RANDOM, &c->in[k]));
    return instances_alike(c);
}

/* Tapes for the activations; what cannot have one is laid down once for each instance. */
static int case_inputs_lay(struct pool_case *c, size_t *end)
{
    bool take[PROBLEM_MAX_BUFFERS] = {0}, apart = !sizes_of(&c->in[0]).has_opaque;
    size_t bytes[PROBLEM_MAX_BUFFERS] = {0};

    for (uint32_t b = 0; b < c->in[0].n_buffers; b++) {
        struct tape *t = &c->tapes[c->n_tapes];

        if (c->in[0].buffers[b].role != PROBLEM_INPUT || !last_step_reads(&c->in[0], b))
            continue;
        bytes[b] = c->in[0].buffers[b].tensor.bytes;
        take[b] = !tape_suits(&c->in[0], b) || c->n_tapes == POOL_MAX_TAPES;
        if (take[b])
            continue;
        TRY(tape_init(t, c->in, c->n, b, apart));
        *end = size_align(*end, WORKER_PAGE);
        c->tape_base[c->n_tapes++] = *end;
        *end += t->bytes;
    }
    pool__region_lay(&c->input, c, bytes, take, end);
    return 0;
}

static void case_outputs_lay(struct pool_case *c, size_t *end)
{
    bool take[PROBLEM_MAX_BUFFERS] = {0};
    size_t bytes[PROBLEM_MAX_BUFFERS] = {0};

    for (uint32_t b = 0; b < c->in[0].n_buffers; b++) {
        take[b] = c->in[0].buffers[b].role == PROBLEM_OUTPUT;
        bytes[b] = c->in[0].buffers[b].tensor.bytes;
    }
    pool__region_lay(&c->output, c, bytes, take, end);
}

/* What units say they measured is read after the pair is closed; so the drawn shapes stay here
 * until others are drawn. */
static const struct problem_case *case_report(size_t i, const struct problem_case *c)
{
    static struct problem_case drawn[UNIT_MAX_CASES];

    drawn[i] = *c;
    return &drawn[i];
}

static int case_add(struct pool *p, const struct problem_case *listed, uint64_t seed, bool vary,
                    size_t cap)
{
    struct pool_case *c = &p->cases[p->n_cases];
    size_t i = p->n_cases;

    if (i == UNIT_MAX_CASES)
        return err_set(ERR_UNSUPPORTED, "more than %d timed cases", UNIT_MAX_CASES);
    p->n_cases++;
    c->c = c->reported = listed;
    if (vary) {
        problem_case_vary(listed, seed, &c->drawn);
        c->drawn.c.name = listed->name;
        c->c = &c->drawn.c;
        c->reported = case_report(i, c->c);
    }
    c->n_threads = listed->n_threads < WORKER_MAX_THREADS ? listed->n_threads : WORKER_MAX_THREADS;
    if (c->n_threads > p->n_threads)
        p->n_threads = c->n_threads;
    TRY(case_generate(c, seed, cap));
    c->first_request = p->n_requests;
    p->n_requests += c->n;
    TRY(case_inputs_lay(c, &p->input_bytes));
    case_outputs_lay(c, &p->output_bytes);
    return 0;
}

int pool_init(struct pool *p, const struct judge_options *o, uint64_t seed, bool vary)
{
    memset(p, 0, sizeof *p);
    TRY(judge_focus_check(o->focus));
    TRY(cpu_features_named(o->features ? o->features : "all", &p->features));
    if (o->timed)
        return case_add(p, o->timed, seed, vary, SIZE_MAX);
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (case_is_timed(&problem_shipped.cases[i], o->focus))
            TRY(case_add(p, &problem_shipped.cases[i], rng_seed_mix(seed, i), vary,
                         POOL_CAP_BYTES));
    return p->n_cases ? 0 : err_set(ERR_USAGE, "the problem has no timed case");
}

void pool_deinit(struct pool *p)
{
    for (size_t i = 0; i < p->n_cases; i++) {
        struct pool_case *c = &p->cases[i];

        for (uint32_t k = 0; c->in && k < c->n; k++)
            problem_instance_deinit(&c->in[k]);
        free(c->in);
        for (uint32_t t = 0; t < c->n_tapes; t++)
            tape_deinit(&c->tapes[t]);
    }
    memset(p, 0, sizeof *p);
}

/* --- memory --- */

static bool has_tape(const struct pool_case *c, uint32_t buffer)
{
    for (uint32_t t = 0; t < c->n_tapes; t++)
        if (c->tapes[t].buffer == buffer)
            return true;
    return false;
}

/* Bytes that instance k's buffer keeps in the input segment, NULL when it keeps none there. */
static const void *fixed_input(const struct pool_case *c, uint32_t k, uint32_t buffer)
{
    const struct problem_buffer *b = &c->in[k].buffers[buffer];

    if (b->role != PROBLEM_INPUT || !last_step_reads(&c->in[k], buffer) || has_tape(c, buffer))
        return NULL;
    return b->tensor.data;
}

static size_t region_offset(const struct pool_region *r, uint32_t k, uint32_t buffer)
{
    return r->base + k * r->stride + r->at[buffer];
}

void pool_inputs_write(const struct pool *p, unsigned char *to)
{
    for (size_t i = 0; i < p->n_cases; i++) {
        const struct pool_case *c = &p->cases[i];

        for (uint32_t k = 0; k < c->n; k++)
            for (uint32_t b = 0; b < c->in[k].n_buffers; b++) {
                const void *data = fixed_input(c, k, b);

                if (data)
                    memcpy(to + region_offset(&c->input, k, b), data,
                           c->in[k].buffers[b].tensor.bytes);
            }
    }
}

void pool_request(const struct pool_case *c, int side, uint32_t k, const uint32_t *places,
                  size_t output_shift, struct worker_request *out)
{
    const struct problem_instance *in = &c->in[k];
    uint64_t at[PROBLEM_MAX_BUFFERS];

    for (uint32_t b = 0; b < in->n_buffers; b++) {
        if (in->buffers[b].role == PROBLEM_INPUT)
            at[b] = WORKER_AT(0, region_offset(&c->input, k, b));
        else if (in->buffers[b].role == PROBLEM_OPAQUE)
            at[b] = WORKER_AT(1, region_offset(&c->opaque[side], k, b));
        else
            at[b] = WORKER_AT(2, region_offset(&c->output, k, b) + output_shift);
    }
    for (uint32_t t = 0; t < c->n_tapes; t++)
        at[c->tapes[t].buffer] =
            WORKER_AT(0, c->tape_base[t] + tape_offset(&c->tapes[t], places[t]));
    request_fill(in, in->n_steps - 1, &c->sizes[side], at, out);
}
