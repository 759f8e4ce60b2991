/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/pool.h"

#include "reference/base/checked.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Packing one instance; the machine may be busy. */
#define PREPARE_TIMEOUT_NS (20 * UINT64_C(1000000000))
enum { OPAQUE_POISON = 0xff };

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

/* True when a case of operation `op` has weight. */
static bool op_is_weighted(const char *op)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (problem_shipped.cases[i].weight > 0 && strcmp(problem_shipped.cases[i].op, op) == 0)
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

int judge_focus_check(const char *op)
{
    char known[256] = "";

    if (!op || op_is_listed(op, problem_shipped.n_cases))
        return 0;
    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const char *name = problem_shipped.cases[i].op;
        size_t used = strlen(known);

        if (!op_is_listed(name, i))
            snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", name);
    }
    return err_set(ERR_USAGE, "focus %s: no such operation; there are %s", op, known);
}

static bool case_is_timed(const struct problem_case *c, const char *focus)
{
    return c->weight > 0 || (focus && strcmp(c->op, focus) == 0 && !op_is_weighted(focus));
}

static uint32_t instances_wanted(const struct problem_case *c)
{
    size_t one = problem_instance_pool_bytes(c);
    size_t bytes = c->pool_bytes < POOL_CAP_BYTES ? c->pool_bytes : POOL_CAP_BYTES;
    size_t n = one ? bytes / one : 0;

    if (n < POOL_MIN_INSTANCES)
        return POOL_MIN_INSTANCES;
    return n < POOL_MAX_INSTANCES ? (uint32_t)n : POOL_MAX_INSTANCES;
}

/* Lay the buffers chosen by `take` for c->n instances behind *end. */
static void region_lay(struct pool_region *r, const struct pool_case *c, const size_t *bytes,
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

static int case_generate(struct pool_case *c, uint64_t seed)
{
    c->in = calloc(c->n, sizeof *c->in);
    if (!c->in)
        return err_set(ERR_NOMEM, "%s: out of memory for instances", c->c->name);
    for (uint32_t k = 0; k < c->n; k++)
        TRY(generate_inputs(c->c, rng_seed_mix(seed, k), PROBLEM_RANDOM, &c->in[k]));
    /* One stride serves all instances of a case. */
    for (uint32_t k = 1; k < c->n; k++)
        for (uint32_t b = 0; b < c->in[0].n_buffers; b++)
            if (c->in[k].n_buffers != c->in[0].n_buffers ||
                c->in[k].buffers[b].max_bytes != c->in[0].buffers[b].max_bytes)
                return err_set(ERR_UNSUPPORTED, "%s: a timed case's sizes must not vary by seed",
                               c->c->name);
    return 0;
}

static int case_add(struct pool *p, const struct problem_case *which, uint64_t seed)
{
    struct pool_case *c = &p->cases[p->n_cases];
    bool inputs[PROBLEM_MAX_BUFFERS] = {0}, outputs[PROBLEM_MAX_BUFFERS] = {0};
    size_t bytes[PROBLEM_MAX_BUFFERS] = {0};

    if (p->n_cases == UNIT_MAX_CASES)
        return err_set(ERR_UNSUPPORTED, "more than %d timed cases", UNIT_MAX_CASES);
    p->n_cases++;
    c->c = which;
    c->n = instances_wanted(which);
    c->n_threads = which->n_threads < WORKER_MAX_THREADS ? which->n_threads : WORKER_MAX_THREADS;
    c->first_request = p->n_requests;
    p->n_requests += c->n;
    if (c->n_threads > p->n_threads)
        p->n_threads = c->n_threads;
    TRY(case_generate(c, seed));
    for (uint32_t b = 0; b < c->in[0].n_buffers; b++) {
        const struct problem_buffer *buffer = &c->in[0].buffers[b];

        bytes[b] = buffer->max_bytes;
        inputs[b] = buffer->role == PROBLEM_INPUT && last_step_reads(&c->in[0], b);
        outputs[b] = buffer->role == PROBLEM_OUTPUT;
    }
    region_lay(&c->input, c, bytes, inputs, &p->input_bytes);
    region_lay(&c->output, c, bytes, outputs, &p->output_bytes);
    return 0;
}

int pool_init(struct pool *p, const struct judge_options *o, uint64_t seed)
{
    memset(p, 0, sizeof *p);
    TRY(judge_focus_check(o->focus));
    TRY(cpu_features_named(o->features ? o->features : "all", &p->features));
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (case_is_timed(&problem_shipped.cases[i], o->focus))
            TRY(case_add(p, &problem_shipped.cases[i], rng_seed_mix(seed, i)));
    return p->n_cases ? 0 : err_set(ERR_USAGE, "the problem has no timed case");
}

void pool_deinit(struct pool *p)
{
    for (size_t i = 0; i < p->n_cases; i++) {
        for (uint32_t k = 0; p->cases[i].in && k < p->cases[i].n; k++)
            problem_instance_deinit(&p->cases[i].in[k]);
        free(p->cases[i].in);
    }
    memset(p, 0, sizeof *p);
}

void pool_inputs_write(const struct pool *p, unsigned char *to)
{
    for (size_t i = 0; i < p->n_cases; i++) {
        const struct pool_case *c = &p->cases[i];

        for (uint32_t k = 0; k < c->n; k++)
            for (uint32_t b = 0; b < c->in[k].n_buffers; b++) {
                const struct problem_buffer *buffer = &c->in[k].buffers[b];

                if (buffer->role == PROBLEM_INPUT && last_step_reads(&c->in[k], b))
                    memcpy(to + c->input.base + k * c->input.stride + c->input.at[b],
                           buffer->tensor.data, buffer->tensor.bytes);
            }
    }
}

/* --- private bytes --- */

/* A worker for declaring sizes and preparing, on its first cores. */
static int prepare_side_open(const struct pool *p, const struct judge_options *o,
                             const char *object, const struct segment *input,
                             const struct segment *opaque, struct side **out)
{
    struct side_spec spec = {
        .worker = o->worker,
        .object = object,
        .input = input,
        .opaque = opaque,
        .features = p->features,
        .n_threads = p->n_threads,
        .n_requests = PROBLEM_MAX_STEPS,
    };

    for (int i = 0; i < WORKER_MAX_THREADS; i++)
        spec.core[i] = -1;
    if (input) {
        spec.slots[0] = (struct worker_slot){.file = WORKER_INPUT, .bytes = input->bytes};
        spec.slots[1] = (struct worker_slot){
            .file = WORKER_OPAQUE,
            .writable = true,
            .bytes = opaque->bytes,
        };
        spec.n_slots = 2;
    }
    return side_open(&spec, out);
}

/* Ask for the sizes of every case and lay the private bytes out. */
static int sizes_ask(struct pool *p, int side, const struct judge_options *o, const char *object,
                     struct judge_fault *fault)
{
    struct side *s = NULL;
    size_t end = 0;
    int rc = 0;

    TRY(prepare_side_open(p, o, object, NULL, NULL, &s));
    for (size_t i = 0; i < p->n_cases; i++) {
        struct pool_case *c = &p->cases[i];
        bool opaque[PROBLEM_MAX_BUFFERS] = {0};

        rc = request_sizes_ask(s, &c->in[0], c->n_threads, &c->sizes[side], fault);
        if (rc < 0 || fault->found)
            break;
        for (uint32_t b = 0; b < c->in[0].n_buffers; b++)
            opaque[b] = c->in[0].buffers[b].role == PROBLEM_OPAQUE;
        region_lay(&c->opaque[side], c, c->sizes[side].bytes, opaque, &end);
    }
    p->opaque_bytes[side] = end;
    side_close(&s);
    return rc;
}

/* The setup steps of one instance. Its inputs are laid one after another from the slot's start. */
static int instance_prepare(const struct pool_case *c, int side, uint32_t k, struct side *s,
                            const struct segment *input, struct judge_fault *fault)
{
    const struct problem_instance *in = &c->in[k];
    const struct pool_region *region = &c->opaque[side];
    uint64_t at[PROBLEM_MAX_BUFFERS] = {0};
    size_t end = 0;
    struct worker_command command = {
        .op = WORKER_RUN,
        .reload = 1,
        .n_threads = c->n_threads,
        .pool = in->n_steps - 1,
        .count = in->n_steps - 1,
    };
    struct side_result r;

    for (uint32_t b = 0; b < in->n_buffers; b++) {
        const struct problem_buffer *buffer = &in->buffers[b];

        if (buffer->role == PROBLEM_OPAQUE)
            at[b] = WORKER_AT(1, region->base + k * region->stride + region->at[b]);
        if (buffer->role != PROBLEM_INPUT)
            continue;
        at[b] = WORKER_AT(0, end);
        memcpy(input->data + end, buffer->tensor.data, buffer->tensor.bytes);
        end += size_align(buffer->tensor.bytes, KERNEL_ALIGN);
    }
    for (uint32_t step = 0; step + 1 < in->n_steps; step++)
        request_fill(in, step, &c->sizes[side], at, &side_requests(s)[step]);
    TRY(side_command(s, &command, PREPARE_TIMEOUT_NS, &r));
    fault_from_result(fault, &r);
    if (fault->found)
        fault_wrap(fault, "preparing case %s", c->c->name);
    return 0;
}

static size_t inputs_bytes(const struct problem_instance *in)
{
    size_t bytes = 0;

    for (uint32_t b = 0; b < in->n_buffers; b++)
        if (in->buffers[b].role == PROBLEM_INPUT)
            bytes += size_align(in->buffers[b].tensor.bytes, KERNEL_ALIGN);
    return bytes;
}

static int instances_prepare(struct pool *p, int side, const struct judge_options *o,
                             const char *object, const struct segment *opaque,
                             struct judge_fault *fault)
{
    struct segment input = SEGMENT_NONE;
    struct side *s = NULL;
    size_t most = 0;
    int rc = 0;

    for (size_t i = 0; i < p->n_cases; i++) {
        size_t bytes = inputs_bytes(&p->cases[i].in[0]);

        most = bytes > most ? bytes : most;
    }
    TRY(segment_open("pack-input", most, &input));
    rc = segment_seal(&input);
    if (rc == 0)
        rc = prepare_side_open(p, o, object, &input, opaque, &s);
    for (size_t i = 0; i < p->n_cases && rc == 0 && !fault->found; i++)
        for (uint32_t k = 0; k < p->cases[i].n && rc == 0 && !fault->found; k++)
            if (p->cases[i].in[k].n_steps > 1)
                rc = instance_prepare(&p->cases[i], side, k, s, &input, fault);
    side_close(&s);
    segment_close(&input);
    return rc;
}

int pool_prepare(struct pool *p, int side, struct judge_build *build, const struct judge_options *o,
                 struct segment *out, struct judge_fault *fault)
{
    const char *object;

    *out = SEGMENT_NONE;
    TRY(judge_build_link(build, 0, &object));
    TRY(sizes_ask(p, side, o, object, fault));
    if (fault->found)
        return 0;
    TRY(segment_open("opaque", p->opaque_bytes[side], out));
    memset(out->data, OPAQUE_POISON, out->bytes);
    return instances_prepare(p, side, o, object, out, fault);
}

bool pool_sides_equal(const struct pool *p, const struct segment opaque[2])
{
    for (size_t i = 0; i < p->n_cases; i++)
        if (memcmp(&p->cases[i].opaque[0], &p->cases[i].opaque[1], sizeof(struct pool_region)) != 0)
            return false;
    return p->opaque_bytes[0] == p->opaque_bytes[1] &&
           memcmp(opaque[0].data, opaque[1].data, p->opaque_bytes[0]) == 0;
}

static uint64_t region_at(uint32_t slot, const struct pool_region *r, uint32_t k, uint32_t buffer,
                          size_t shift)
{
    return WORKER_AT(slot, r->base + k * r->stride + r->at[buffer] + shift);
}

void pool_request(const struct pool_case *c, int side, uint32_t k, size_t output_shift,
                  struct worker_request *out)
{
    const struct problem_instance *in = &c->in[k];
    uint64_t at[PROBLEM_MAX_BUFFERS];

    for (uint32_t b = 0; b < in->n_buffers; b++) {
        if (in->buffers[b].role == PROBLEM_INPUT)
            at[b] = region_at(0, &c->input, k, b, 0);
        else if (in->buffers[b].role == PROBLEM_OPAQUE)
            at[b] = region_at(1, &c->opaque[side], k, b, 0);
        else
            at[b] = region_at(2, &c->output, k, b, output_shift);
    }
    request_fill(in, in->n_steps - 1, &c->sizes[side], at, out);
}
