/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/runner.h"

#include "judge/worker/segment.h"
#include "judge/worker/side.h"
#include "reference/base/checked.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUN_TIMEOUT_NS (20 * UINT64_C(1000000000))
#define POOL_BYTES     ((size_t)32 << 20)
enum { MIN_INSTANCES = 4, MAX_INSTANCES = 512, N_ROLES = 3 };
enum slot { SLOT_INPUT, SLOT_SETUP, SLOT_OPAQUE, SLOT_OUTPUT, N_SLOTS };

struct runner {
    struct problem_instance in;
    struct request_sizes sizes;
    struct segment segments[N_ROLES]; /* by enum problem_role: instances side by side */
    size_t stride[N_ROLES];           /* from one instance to the next */
    size_t at[PROBLEM_MAX_BUFFERS];   /* of a buffer in its instance */
    size_t extra_at, extra_bytes;     /* in the output segment */
    uint32_t n_instances, n_threads, next;
    bool loaded; /* the worker has read the table */
    struct side *side;
    pid_t pid;
};

/* --- memory --- */

static uint32_t instances_wanted(const struct problem_case *c)
{
    size_t one = problem_instance_pool_bytes(c);
    size_t n = one ? (c->pool_bytes < POOL_BYTES ? c->pool_bytes : POOL_BYTES) / one : 0;

    return (uint32_t)(n < MIN_INSTANCES ? MIN_INSTANCES : n < MAX_INSTANCES ? n : MAX_INSTANCES);
}

/* All instances have the same bytes at other addresses: what a cache sees is what counts here. */
static int memory_lay(struct runner *r, const struct runner_spec *spec)
{
    static const char *const names[N_ROLES] = {"input", "opaque", "output"};
    size_t bytes[N_ROLES];

    for (uint32_t b = 0; b < r->in.n_buffers; b++) {
        const struct problem_buffer *buffer = &r->in.buffers[b];

        r->at[b] = r->stride[buffer->role];
        r->stride[buffer->role] += size_align(buffer->max_bytes, WORKER_PAGE);
    }
    for (int i = 0; i < N_ROLES; i++)
        bytes[i] = r->stride[i] * r->n_instances;
    r->extra_at = bytes[PROBLEM_OUTPUT];
    r->extra_bytes = size_align(spec->extra_output, WORKER_PAGE);
    bytes[PROBLEM_OUTPUT] += r->extra_bytes;
    for (int i = 0; i < N_ROLES; i++)
        TRY(segment_open(names[i], bytes[i] ? bytes[i] : WORKER_PAGE, &r->segments[i]));
    for (uint32_t k = 0; k < r->n_instances; k++)
        for (uint32_t b = 0; b < r->in.n_buffers; b++)
            if (r->in.buffers[b].role == PROBLEM_INPUT)
                memcpy(r->segments[PROBLEM_INPUT].data + k * r->stride[PROBLEM_INPUT] + r->at[b],
                       r->in.buffers[b].tensor.data, r->in.buffers[b].tensor.bytes);
    return segment_seal(&r->segments[PROBLEM_INPUT]);
}

/* --- the worker --- */

/* The child that was started last. Asked of the system, because a side does not tell. */
static pid_t youngest_child(void)
{
    char path[64];
    int pid = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)gettid());
    f = fopen(path, "r");
    if (!f)
        return 0;
    while (fscanf(f, "%d", &pid) == 1)
        ;
    fclose(f);
    return pid;
}

static int worker_start(struct runner *r, struct judge_build *b, const struct judge_options *o,
                        const struct runner_spec *spec)
{
    struct side_spec s = {
        .worker = o->worker,
        .object = spec->object,
        .input = &r->segments[PROBLEM_INPUT],
        .opaque = &r->segments[PROBLEM_OPAQUE],
        .output = &r->segments[PROBLEM_OUTPUT],
        .n_threads = r->n_threads,
        .n_requests = r->n_instances > PROBLEM_MAX_STEPS ? r->n_instances : PROBLEM_MAX_STEPS,
        .inspectable = true,
        .sanitized = spec->sanitized,
        .n_slots = N_SLOTS,
    };
    static const struct {
        enum problem_role role;
        uint32_t file;
        bool writable;
    } slots[N_SLOTS] = {
        [SLOT_INPUT] = {PROBLEM_INPUT, WORKER_INPUT, false},
        [SLOT_SETUP] = {PROBLEM_OPAQUE, WORKER_OPAQUE, true},
        [SLOT_OPAQUE] = {PROBLEM_OPAQUE, WORKER_OPAQUE, false},
        [SLOT_OUTPUT] = {PROBLEM_OUTPUT, WORKER_OUTPUT, true},
    };
    int32_t core[WORKER_MAX_THREADS];
    uint32_t n = side_cores(core, WORKER_MAX_THREADS);

    n = n < WORKER_MAX_THREADS ? n : WORKER_MAX_THREADS;
    for (uint32_t i = 0; i < WORKER_MAX_THREADS; i++)
        s.core[i] = n ? core[i % n] : -1;
    for (int i = 0; i < N_SLOTS; i++)
        s.slots[i] = (struct worker_slot){
            .file = slots[i].file,
            .writable = slots[i].writable,
            .bytes = r->segments[slots[i].role].bytes,
        };
    TRY(cpu_features_named(o->features ? o->features : "all", &s.features));
    if (!s.object)
        TRY(judge_build_link(b, 0, &s.object));
    TRY(side_open(&s, &r->side));
    r->pid = youngest_child();
    return 0;
}

static int command(struct runner *r, const struct worker_command *c, struct side_result *result,
                   struct judge_fault *fault)
{
    TRY(side_command(r->side, c, RUN_TIMEOUT_NS, result));
    fault_from_result(fault, result);
    return 0;
}

static void request_set(struct runner *r, uint32_t step, uint32_t instance, bool setup,
                        struct worker_request *out)
{
    static const enum slot slot_of[N_ROLES] = {SLOT_INPUT, SLOT_OPAQUE, SLOT_OUTPUT};
    uint64_t at[PROBLEM_MAX_BUFFERS];

    for (uint32_t b = 0; b < r->in.n_buffers; b++) {
        enum problem_role role = r->in.buffers[b].role;
        uint32_t slot = role == PROBLEM_OPAQUE && setup ? SLOT_SETUP : slot_of[role];

        at[b] = WORKER_AT(slot, instance * r->stride[role] + r->at[b]);
    }
    request_fill(&r->in, step, &r->sizes, at, out);
    if (!r->extra_bytes)
        return;
    out->call.out[KERNEL_MAX_TENSORS - 1].data =
        (void *)(uintptr_t)WORKER_AT(SLOT_OUTPUT, r->extra_at);
    out->call.out[KERNEL_MAX_TENSORS - 1].bytes = r->extra_bytes;
    out->scratch_bytes = size_align(out->scratch_bytes, KERNEL_ALIGN) + RUNNER_EXTRA_SCRATCH;
}

/* Sizes, then the private bytes of the first instance, copied to the others. */
static int prepare(struct runner *r, struct judge_fault *fault)
{
    uint32_t last = r->in.n_steps - 1;
    unsigned char *opaque = r->segments[PROBLEM_OPAQUE].data;
    size_t stride = r->stride[PROBLEM_OPAQUE];
    struct side_result result;

    TRY(request_sizes_ask(r->side, &r->in, r->n_threads, &r->sizes, fault));
    if (fault->found)
        return 0;
    for (uint32_t step = 0; step < last && !fault->found; step++) {
        request_set(r, step, 0, true, &side_requests(r->side)[0]);
        TRY(command(
            r,
            &(struct worker_command){
                .op = WORKER_RUN, .n_threads = r->n_threads, .reload = 1, .pool = 1, .count = 1},
            &result, fault));
    }
    for (uint32_t k = 1; k < r->n_instances; k++)
        memcpy(opaque + k * stride, opaque, stride);
    for (uint32_t k = 0; k < r->n_instances; k++)
        request_set(r, last, k, false, &side_requests(r->side)[k]);
    return 0;
}

int runner_open(struct judge_build *b, const struct judge_options *o, const struct problem_case *c,
                const struct runner_spec *spec, struct runner **out, struct judge_fault *fault)
{
    struct runner *r = calloc(1, sizeof *r);
    int rc;

    *out = NULL;
    if (!r)
        return err_set(ERR_NOMEM, "out of memory for a worker of %s", c->name);
    for (int i = 0; i < N_ROLES; i++)
        r->segments[i] = SEGMENT_NONE;
    r->n_instances = instances_wanted(c);
    r->n_threads = c->n_threads < WORKER_MAX_THREADS ? c->n_threads : WORKER_MAX_THREADS;
    rc = generate_inputs(c, o->seed ? o->seed : 1, PROBLEM_RANDOM, &r->in);
    if (rc == 0)
        rc = memory_lay(r, spec);
    if (rc == 0)
        rc = worker_start(r, b, o, spec);
    if (rc == 0)
        rc = prepare(r, fault);
    if (fault->found)
        fault_wrap(fault, "profiling %s", c->name);
    if (rc < 0 || fault->found)
        runner_close(&r);
    *out = r;
    return rc;
}

void runner_close(struct runner **r)
{
    if (!*r)
        return;
    side_close(&(*r)->side);
    for (int i = 0; i < N_ROLES; i++)
        segment_close(&(*r)->segments[i]);
    problem_instance_deinit(&(*r)->in);
    free(*r);
    *r = NULL;
}

int runner_run(struct runner *r, uint32_t count, double *ns, struct judge_fault *fault)
{
    struct worker_command run = {
        .op = WORKER_RUN,
        .reload = !r->loaded,
        .n_threads = r->n_threads,
        .pool = r->n_instances,
        .start = r->next,
        .count = count,
    };
    struct side_result result;

    TRY(command(r, &run, &result, fault));
    r->loaded = true;
    r->next = (uint32_t)(((uint64_t)r->next + count) % r->n_instances);
    *ns = (double)result.ns;
    return 0;
}

uint32_t runner_threads(const struct runner *r)
{
    return r->n_threads;
}

pid_t runner_pid(const struct runner *r)
{
    return r->pid;
}

unsigned char *runner_extra(struct runner *r)
{
    return r->extra_bytes ? r->segments[PROBLEM_OUTPUT].data + r->extra_at : NULL;
}
