/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kernel/run_instance.h"

#include "reference/base/checked.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 256, GUARD_BYTE = 0xa5, MAX_THREADS = 8 };

#define AVX512 (KERNEL_CPU_AVX2 | KERNEL_CPU_AVX512 | KERNEL_CPU_AVX512_VNNI)
const uint64_t run_paths[RUN_N_PATHS] = {0, KERNEL_CPU_AVX2, AVX512, AVX512 | KERNEL_CPU_AMX_INT8};

bool run_has_path(size_t path)
{
    return (run_paths[path] & ~cpu_features()) == 0;
}

struct member {
    const struct kernel_call *call;
    struct kernel_team team;
    int result;
};

static void *member_main(void *arg)
{
    struct member *m = arg;

    m->result = kernel_fn(m->call, &m->team);
    return NULL;
}

/* The kernel may find anything in its scratch. */
static void *scratch_new(size_t bytes)
{
    size_t size = size_align(bytes + 1, KERNEL_ALIGN);
    void *p = aligned_alloc(KERNEL_ALIGN, size);

    memset(p, RUN_NAN, size);
    return p;
}

int run_call(const struct kernel_call *call, uint64_t features, uint32_t n_threads)
{
    struct member member[MAX_THREADS];
    pthread_t thread[MAX_THREADS];
    struct kernel_sync sync = {0};
    struct kernel_tiling meta;
    int result = get_tiling_meta(call, n_threads, features, &meta);

    if (result != KERNEL_OK)
        return result;
    for (uint32_t i = 0; i < n_threads; i++)
        member[i] = (struct member){
            .call = call,
            .team = {.rank = i,
                     .size = n_threads,
                     .features = features,
                     .scratch = scratch_new(meta.scratch_bytes),
                     .scratch_bytes = meta.scratch_bytes,
                     .sync = &sync},
            .result = -1,
        };
    for (uint32_t i = 0; i < n_threads; i++)
        member[i].team.shared = member[0].team.scratch;
    for (uint32_t i = 1; i < n_threads; i++)
        pthread_create(&thread[i], NULL, member_main, &member[i]);
    member_main(&member[0]);
    for (uint32_t i = 1; i < n_threads; i++)
        pthread_join(thread[i], NULL);
    result = member[0].result;
    for (uint32_t i = 0; i < n_threads; i++) {
        if (member[i].result != result)
            result = -1;
        free(member[i].team.scratch);
    }
    return result;
}

/* --- buffers --- */

static void buffer_new(struct run *r, uint32_t b, size_t bytes, size_t shift, unsigned char fill)
{
    size_t size = size_align(bytes + 2 * GUARD + shift, KERNEL_ALIGN);
    unsigned char *block = aligned_alloc(KERNEL_ALIGN, size);

    memset(block, GUARD_BYTE, size);
    memset(block + GUARD + shift, fill, bytes);
    r->block[b] = block;
    r->tensor[b].data = block + GUARD + shift;
    r->tensor[b].bytes = bytes;
}

static bool guards_intact(const struct run *r, uint32_t b)
{
    const unsigned char *data = r->tensor[b].data;

    for (size_t i = 1; i <= GUARD; i++)
        if (data[-(ptrdiff_t)i] != GUARD_BYTE)
            return false;
    for (size_t i = 0; i < GUARD - KERNEL_ALIGN; i++)
        if (data[r->tensor[b].bytes + i] != GUARD_BYTE)
            return false;
    return true;
}

/* The call of a step with the buffers' tensors in place. */
static struct kernel_call step_call(const struct run *r, const struct problem_step *s)
{
    struct kernel_call call = s->call;

    for (uint32_t i = 0; i < call.n_in; i++)
        if (s->in[i] != PROBLEM_NO_BUFFER)
            call.in[i] = r->tensor[s->in[i]];
    for (uint32_t i = 0; i < call.n_out; i++)
        if (s->out[i] != PROBLEM_NO_BUFFER)
            call.out[i] = r->tensor[s->out[i]];
    return call;
}

struct kernel_call run_last_call(const struct run *r)
{
    return step_call(r, &r->in->steps[r->in->n_steps - 1]);
}

/* Allocate the opaque outputs of a step as large as the kernel declares them. */
static bool opaque_new(struct run *r, const struct problem_step *s, uint64_t features,
                       uint32_t n_threads, unsigned char fill)
{
    struct kernel_call call = step_call(r, s);
    struct kernel_tiling meta;

    for (uint32_t i = 0; i < call.n_out; i++) {
        const struct problem_buffer *b = &r->in->buffers[s->out[i]];
        struct kernel_tensor *t = &r->tensor[s->out[i]];
        size_t bytes;

        if (b->role != PROBLEM_OPAQUE || t->data)
            continue;
        if (get_tiling_meta(&call, n_threads, features, &meta) != KERNEL_OK)
            return false;
        bytes = meta.opaque_bytes;
        if (t->layout == KERNEL_PAGES) {
            t->nb[2] = meta.opaque_bytes;
            t->nb[3] = meta.opaque_bytes * (size_t)t->ne[2];
            bytes = t->nb[3] * (size_t)t->ne[3];
            if (meta.opaque_bytes % KERNEL_ALIGN)
                return false;
        }
        if (!bytes || bytes > b->max_bytes)
            return false;
        buffer_new(r, s->out[i], bytes, 0, fill);
    }
    return true;
}

bool run_instance(struct run *r, struct problem_instance *in, uint64_t features, uint32_t n_threads,
                  size_t shift, unsigned char fill)
{
    memset(r, 0, sizeof *r);
    r->in = in;
    for (uint32_t b = 0; b < in->n_buffers; b++) {
        r->tensor[b] = in->buffers[b].tensor;
        if (in->buffers[b].role == PROBLEM_OUTPUT)
            buffer_new(r, b, in->buffers[b].tensor.bytes, shift, fill);
    }
    for (uint32_t i = 0; i < in->n_steps; i++) {
        struct kernel_call call;

        if (!opaque_new(r, &in->steps[i], features, n_threads, fill)) {
            snprintf(r->message, sizeof r->message, "step %u: declared sizes are wrong", i);
            return false;
        }
        call = step_call(r, &in->steps[i]);
        if (run_call(&call, features, n_threads) != KERNEL_OK) {
            snprintf(r->message, sizeof r->message, "step %u: not supported", i);
            return false;
        }
    }
    for (uint32_t b = 0; b < in->n_buffers; b++)
        if (r->block[b] && !guards_intact(r, b)) {
            snprintf(r->message, sizeof r->message, "wrote outside of %s", in->buffers[b].name);
            return false;
        }
    return true;
}

void run_deinit(struct run *r)
{
    for (uint32_t b = 0; b < PROBLEM_MAX_BUFFERS; b++)
        free(r->block[b]);
    memset(r->block, 0, sizeof r->block);
}

/* --- comparison --- */

static bool compare_exact(struct run *r, uint32_t b, const struct problem_expect *e, size_t count)
{
    const unsigned char *got = r->tensor[b].data, *want = e->bytes;
    size_t bytes = problem_output_element_bytes(r->in, b);

    for (size_t i = 0; i < count * bytes; i++)
        if (got[i] != want[i] && !isinf(e->bound[i / bytes])) {
            snprintf(r->message, sizeof r->message, "%s[%zu] byte %zu: got %u, want %u",
                     r->in->buffers[b].name, i / bytes, i % bytes, got[i], want[i]);
            return false;
        }
    return true;
}

static bool compare_values(struct run *r, uint32_t b, const struct problem_expect *e, size_t count)
{
    const float *got = r->tensor[b].data;
    double units = 0, errors = 0, squares = 0;

    for (size_t i = 0; i < count; i++) {
        double error = (double)got[i] - e->want[i];

        if (isinf(e->bound[i]))
            continue;
        if (!(fabs(error) <= e->bound[i])) {
            snprintf(r->message, sizeof r->message,
                     "%s[%zu]: got %.9g, want %.9g, off by %.3g of %.3g allowed",
                     r->in->buffers[b].name, i, (double)got[i], e->want[i], error, e->bound[i]);
            return false;
        }
        units += error * error / (e->unit[i] * e->unit[i]);
        errors += error * error;
        squares += e->want[i] * e->want[i];
    }
    units = sqrt(units / (double)count);
    if ((e->rms_limit > 0 && !(units <= e->rms_limit)) ||
        (e->nmse_limit > 0 && !(errors <= e->nmse_limit * squares))) {
        snprintf(r->message, sizeof r->message, "%s: RMS error %.3g units, squares %.3g of %.3g",
                 r->in->buffers[b].name, units, errors, squares);
        return false;
    }
    return true;
}

static bool buffer_matches(struct run *r, uint32_t b)
{
    size_t count = problem_output_count(r->in, b);
    struct problem_expect e = {
        .bytes = malloc(count * problem_output_element_bytes(r->in, b)),
        .want = malloc(count * sizeof(double)),
        .bound = malloc(count * sizeof(double)),
        .unit = malloc(count * sizeof(double)),
    };
    bool ok = false;

    if (reference_fn(r->in, b, 0, count, &e) < 0)
        snprintf(r->message, sizeof r->message, "oracle: %s", err_message());
    else
        ok = e.exact ? compare_exact(r, b, &e, count) : compare_values(r, b, &e, count);
    free(e.bytes);
    free(e.want);
    free(e.bound);
    free(e.unit);
    return ok;
}

bool run_matches_oracle(struct run *r)
{
    for (uint32_t b = 0; b < r->in->n_buffers; b++)
        if (r->in->buffers[b].role == PROBLEM_OUTPUT && !buffer_matches(r, b))
            return false;
    return true;
}

bool run_same_outputs(struct run *a, const struct run *b)
{
    for (uint32_t i = 0; i < a->in->n_buffers; i++)
        if (a->in->buffers[i].role == PROBLEM_OUTPUT &&
            memcmp(a->tensor[i].data, b->tensor[i].data, a->tensor[i].bytes)) {
            snprintf(a->message, sizeof a->message, "%s differs", a->in->buffers[i].name);
            return false;
        }
    return true;
}
