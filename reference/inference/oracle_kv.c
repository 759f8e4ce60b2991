/* SPDX-License-Identifier: Apache-2.0
 *
 * oracle_kv.c: what KV pages hold after a sequence of stores, found from the steps alone: the last
 * store that covers a position wins. */
#include "reference/inference/inference.h"

#include "reference/base/err.h"
#include "reference/inference/rounding.h"

#include <stdlib.h>
#include <string.h>

bool inference__kv_find(const struct problem_instance *in, size_t position, size_t head,
                        const float **k, const float **v)
{
    for (uint32_t i = in->n_steps; i-- > 0;) {
        const struct problem_step *s = &in->steps[i];
        const struct kernel_tensor *t = &in->buffers[s->in[0]].tensor;
        size_t from = (size_t)s->call.i[KERNEL_I_POS];
        if (s->call.op != KERNEL_KV_STORE || position < from || position - from >= (size_t)t->ne[2])
            continue;
        *k = problem_row(in, s->in[0], (position - from) * (size_t)t->ne[1] + head);
        *v = problem_row(in, s->in[1], (position - from) * (size_t)t->ne[1] + head);
        return true;
    }
    return false;
}

int inference__kv_expect(struct problem_instance *in, const struct problem_range *range,
                         struct problem_expect *out)
{
    const struct problem_step *last = problem_last_step(in);
    const struct kernel_tensor *t = &in->buffers[range->buffer].tensor;
    size_t head_dim = (size_t)t->ne[0], heads = (size_t)t->ne[1], end = range->first + range->count;
    uint32_t type = in->buffers[last->in[0]].tensor.type;
    bool is_k = range->buffer == last->out[0];
    float *row = malloc(head_dim * sizeof *row);
    int status = 0;

    if (!row)
        return err_set(ERR_NOMEM, "oracle: no memory for a KV row");
    out->exact = true;
    for (size_t i = range->first; i < end;) {
        size_t lo = i % head_dim, n = head_dim - lo < end - i ? head_dim - lo : end - i;
        size_t position = i / head_dim / heads + (size_t)last->call.i[KERNEL_I_POS];
        const float *k, *v;
        if (!inference__kv_find(in, position, i / head_dim % heads, &k, &v)) {
            status = err_set(ERR_USAGE, "case %s: position %zu is loaded but never stored",
                             in->c->name, position);
            goto out;
        }
        rounding_kv_row(type, is_k ? k : v, head_dim, row);
        memcpy(out->bytes + (i - range->first) * sizeof *row, row + lo, n * sizeof *row);
        i += n;
    }
out:
    free(row);
    return status;
}
