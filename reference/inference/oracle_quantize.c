/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/inference/inference.h"

#include "reference/inference/rounding.h"

#include <assert.h>
#include <string.h>

/* Elements of the range are blocks; each is rounded on its own. */
int inference__quantize_expect(struct problem_instance *in, const struct problem_range *range,
                               struct problem_expect *out)
{
    const struct problem_step *last = problem_last_step(in);
    const struct kernel_tensor *t = &in->buffers[range->buffer].tensor;
    const struct format *f = format_find(t->type);
    size_t per_row = (size_t)t->ne[0] / f->elements;
    union {
        struct q8_k_block q8_k;
        struct q8_32_block q8_32;
    } block;

    assert(sizeof block >= f->bytes);
    out->exact = true;
    for (size_t i = 0; i < range->count; i++) {
        size_t index = range->first + i;
        size_t row = index / per_row, at = index % per_row * f->elements;
        const float *x = problem_row(in, last->in[0], row);
        memset(&block, 0, sizeof block);
        if (problem_row_spoiled(in, last->in[0], row, at, f->elements))
            problem_expect_anything(out, i);
        else
            rounding_activations(f->type, x + at, f->elements, &block);
        memcpy(out->bytes + i * f->bytes, &block, f->bytes);
    }
    return 0;
}
