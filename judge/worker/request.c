/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/worker/request.h"

#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <string.h>

/* get_tiling_meta only computes. */
#define META_TIMEOUT_NS (5 * UINT64_C(1000000000))

static void tensor_fill(struct kernel_tensor *t, const struct problem_instance *in, uint32_t buffer,
                        const struct request_sizes *sizes, const uint64_t *at)
{
    *t = in->buffers[buffer].tensor;
    t->data = at ? (void *)(uintptr_t)at[buffer] : NULL;
    t->bytes = sizes->bytes[buffer];
    if (t->layout != KERNEL_PAGES)
        return;
    t->nb[2] = sizes->page_bytes[buffer];
    t->nb[3] = sizes->page_bytes[buffer] * (size_t)t->ne[2];
}

void request_fill(const struct problem_instance *in, uint32_t step,
                  const struct request_sizes *sizes, const uint64_t at[PROBLEM_MAX_BUFFERS],
                  struct worker_request *out)
{
    const struct problem_step *s = &in->steps[step];

    memset(out, 0, sizeof *out);
    out->call = s->call;
    out->scratch_bytes = sizes->scratch_bytes[step];
    for (uint32_t i = 0; i < s->call.n_in; i++)
        tensor_fill(&out->call.in[i], in, s->in[i], sizes, at);
    for (uint32_t i = 0; i < s->call.n_out; i++)
        tensor_fill(&out->call.out[i], in, s->out[i], sizes, at);
}

/* What a step's declaration says about one of its OPAQUE buffers. */
static void opaque_declare(const struct problem_instance *in, uint32_t buffer, bool written,
                           const struct kernel_tiling *t, struct request_sizes *sizes,
                           struct judge_fault *fault)
{
    const struct problem_buffer *b = &in->buffers[buffer];
    bool pages = b->tensor.layout == KERNEL_PAGES, sized = sizes->bytes[buffer] != 0;
    size_t bytes = t->opaque_bytes;

    if (sized && sizes->layout_id[buffer] != t->layout_id)
        fault_set(fault, JUDGE_FAIL_CONTRACT, "%s: layout id %u where it is written, %u where read",
                  b->name, sizes->layout_id[buffer], t->layout_id);
    sizes->layout_id[buffer] = t->layout_id;
    if (!pages && !written)
        return;
    if (pages) {
        if (sized && sizes->page_bytes[buffer] != bytes)
            fault_set(fault, JUDGE_FAIL_CONTRACT,
                      "%s: pages of %zu bytes in one step, %zu in another", b->name,
                      sizes->page_bytes[buffer], bytes);
        if (bytes % KERNEL_ALIGN)
            fault_set(fault, JUDGE_FAIL_CONTRACT, "%s: a page of %zu bytes is no multiple of %d",
                      b->name, bytes, KERNEL_ALIGN);
        sizes->page_bytes[buffer] = bytes;
        if (!size_mul(bytes, (size_t)b->tensor.ne[2], &bytes) ||
            !size_mul(bytes, (size_t)b->tensor.ne[3], &bytes))
            bytes = SIZE_MAX;
    }
    if (bytes == 0 || bytes > b->max_bytes)
        fault_set(fault, JUDGE_FAIL_CONTRACT,
                  "%s: the kernel asks for %zu bytes; allowed are 1..%zu", b->name, bytes,
                  b->max_bytes);
    sizes->bytes[buffer] = bytes;
}

static void step_declare(const struct problem_instance *in, uint32_t step,
                         const struct kernel_tiling *t, struct request_sizes *sizes,
                         struct judge_fault *fault)
{
    const struct problem_step *s = &in->steps[step];

    sizes->scratch_bytes[step] = t->scratch_bytes;
    if (t->scratch_bytes > WORKER_SCRATCH_BYTES)
        fault_set(fault, JUDGE_FAIL_CONTRACT, "%zu bytes of scratch per thread; allowed are %zu",
                  t->scratch_bytes, WORKER_SCRATCH_BYTES);
    for (uint32_t i = 0; i < s->call.n_out; i++)
        if (in->buffers[s->out[i]].role == PROBLEM_OPAQUE)
            opaque_declare(in, s->out[i], true, t, sizes, fault);
    for (uint32_t i = 0; i < s->call.n_in; i++)
        if (in->buffers[s->in[i]].role == PROBLEM_OPAQUE)
            opaque_declare(in, s->in[i], false, t, sizes, fault);
}

int request_sizes_ask(struct side *s, const struct problem_instance *in, uint32_t n_threads,
                      struct request_sizes *out, struct judge_fault *fault)
{
    memset(out, 0, sizeof *out);
    for (uint32_t b = 0; b < in->n_buffers; b++)
        if (in->buffers[b].role != PROBLEM_OPAQUE)
            out->bytes[b] = in->buffers[b].tensor.bytes;
        else if (in->buffers[b].tensor.layout == KERNEL_PLAIN)
            out->bytes[b] = in->buffers[b].max_bytes;
    for (uint32_t step = 0; step < in->n_steps && !fault->found; step++) {
        struct worker_command command = {
            .op = WORKER_META,
            .reload = 1,
            .n_threads = n_threads,
            .base = step,
            .pool = 1,
        };
        struct side_result r;

        /* The kernel is asked before it may look: no data, and only sizes it declared itself. */
        request_fill(in, step, out, NULL, &side_requests(s)[step]);
        TRY(side_command(s, &command, META_TIMEOUT_NS, &r));
        fault_from_result(fault, &r);
        if (!fault->found)
            step_declare(in, step, &r.tiling, out, fault);
        if (fault->found)
            fault_wrap(fault, "get_tiling_meta of step %u", step + 1);
    }
    return 0;
}
