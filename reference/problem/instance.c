/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/problem/operator.h"

#include "reference/base/checked.h"
#include "reference/base/err.h"
#include "reference/base/formats.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct problem_buffer *problem_buffer_next(struct problem_instance *in, const char *name,
                                           enum problem_role role)
{
    struct problem_buffer *b = &in->buffers[in->n_buffers];

    assert(in->n_buffers < PROBLEM_MAX_BUFFERS);
    in->n_buffers++;
    b->name = name;
    b->role = role;
    return b;
}

uint32_t problem_buffer_add(struct problem_instance *in, const char *name, enum problem_role role,
                            uint32_t type, int64_t ne0, int64_t ne1, int64_t ne2)
{
    struct problem_buffer *b = problem_buffer_next(in, name, role);
    struct kernel_tensor *t = &b->tensor;
    const struct format *f = format_find(type);

    t->type = type;
    t->layout = KERNEL_PLAIN;
    t->ne[0] = ne0;
    t->ne[1] = ne1;
    t->ne[2] = ne2;
    t->ne[3] = 1;
    t->nb[0] = f->bytes;
    t->nb[1] = format_row_bytes(f, (size_t)ne0);
    t->nb[2] = t->nb[1] * (size_t)ne1;
    t->nb[3] = t->nb[2] * (size_t)ne2;
    t->bytes = t->nb[3];
    b->max_bytes = t->bytes;
    return in->n_buffers - 1;
}

void problem_buffer_pad(struct problem_instance *in, uint32_t buffer, size_t pad)
{
    struct problem_buffer *b = &in->buffers[buffer];
    struct kernel_tensor *t = &b->tensor;
    size_t row = t->nb[1];

    t->nb[1] += pad;
    t->nb[2] = t->nb[1] * (size_t)t->ne[1];
    t->nb[3] = t->nb[2] * (size_t)t->ne[2];
    t->bytes = t->nb[3] - t->nb[1] + row;
    b->max_bytes = t->bytes;
}

uint32_t problem_packed_add(struct problem_instance *in, const char *name, uint32_t w)
{
    const struct kernel_tensor *plain = &in->buffers[w].tensor;
    struct problem_buffer *b = problem_buffer_next(in, name, PROBLEM_OPAQUE);
    size_t rows = size_align((size_t)plain->ne[1], KERNEL_PACK_ROWS);

    b->tensor = *plain;
    b->tensor.layout = KERNEL_PACKED;
    b->tensor.bytes = 0;
    b->max_bytes = rows * plain->nb[1] / 8 * 9 * (size_t)plain->ne[2];
    return in->n_buffers - 1;
}

int problem_instance_allocate(struct problem_instance *in)
{
    size_t offset = 0;

    for (uint32_t i = 0; i < in->n_buffers; i++)
        if (in->buffers[i].role == PROBLEM_INPUT)
            offset += size_align(in->buffers[i].tensor.bytes, KERNEL_ALIGN);
    in->memory = aligned_alloc(KERNEL_ALIGN, offset);
    if (!in->memory)
        return err_set(ERR_NOMEM, "%s: no memory for %zu bytes of inputs", in->c->name, offset);
    in->memory_bytes = offset;
    /* Gaps between columns and pieces hold NaN: a value read from there shows. */
    memset(in->memory, 0xff, offset);
    offset = 0;
    for (uint32_t i = 0; i < in->n_buffers; i++) {
        struct kernel_tensor *t = &in->buffers[i].tensor;
        if (in->buffers[i].role != PROBLEM_INPUT)
            continue;
        t->data = (char *)in->memory + offset;
        offset += size_align(t->bytes, KERNEL_ALIGN);
    }
    return 0;
}

void problem_instance_view(const struct problem_instance *base,
                           void *const data[PROBLEM_MAX_BUFFERS], struct problem_instance *out)
{
    *out = *base;
    out->memory = NULL; /* what tells a view from an owner, see problem_instance_deinit */
    out->memory_bytes = 0;
    for (uint32_t b = 0; b < base->n_buffers; b++)
        if (data[b])
            out->buffers[b].tensor.data = data[b];
}

void problem_instance_deinit(struct problem_instance *in)
{
    if (in->memory && in->oracle_cache_free)
        in->oracle_cache_free(in->oracle_cache);
    free(in->memory);
    memset(in, 0, sizeof *in);
}

struct problem_step *problem_step_add(struct problem_instance *in, uint32_t op)
{
    struct problem_step *s = &in->steps[in->n_steps];

    assert(in->n_steps < PROBLEM_MAX_STEPS);
    in->n_steps++;
    s->call.op = op;
    memset(s->in, PROBLEM_NO_BUFFER, sizeof s->in);
    memset(s->out, PROBLEM_NO_BUFFER, sizeof s->out);
    return s;
}

void problem_step_in(struct problem_step *s, uint32_t buffer)
{
    s->in[s->call.n_in++] = (uint8_t)buffer;
}

void problem_step_out(struct problem_step *s, uint32_t buffer)
{
    s->out[s->call.n_out++] = (uint8_t)buffer;
}

void *problem_row(const struct problem_instance *in, uint32_t buffer, size_t row)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;

    return (char *)t->data + row * t->nb[1];
}

const struct problem_step *problem_last_step(const struct problem_instance *in)
{
    return &in->steps[in->n_steps - 1];
}
