/* SPDX-License-Identifier: Apache-2.0
 *
 * pool_prepare.c: each side's private bytes, made by a worker that sees weights and nothing else.
 */
#include "judge/measure/pool.h"
#include "judge/worker/side.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <string.h>

/* Packing one instance; the machine may be busy. */
#define PREPARE_TIMEOUT_NS (20 * UINT64_C(1000000000))
enum { OPAQUE_POISON = 0xff };

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
        pool__region_lay(&c->opaque[side], c, c->sizes[side].bytes, opaque, &end);
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

void pool_sides_share(struct pool *p)
{
    for (size_t i = 0; i < p->n_cases; i++) {
        p->cases[i].opaque[1] = p->cases[i].opaque[0];
        p->cases[i].sizes[1] = p->cases[i].sizes[0];
    }
    p->opaque_bytes[1] = p->opaque_bytes[0];
}

bool pool_sides_equal(const struct pool *p, const struct segment *candidate,
                      const struct segment *incumbent)
{
    for (size_t i = 0; i < p->n_cases; i++)
        if (memcmp(&p->cases[i].opaque[0], &p->cases[i].opaque[1], sizeof(struct pool_region)) != 0)
            return false;
    return p->opaque_bytes[0] == p->opaque_bytes[1] &&
           memcmp(candidate->data, incumbent->data, p->opaque_bytes[0]) == 0;
}
