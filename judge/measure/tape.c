/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/tape.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

bool tape_suits(const struct problem_instance *in, uint32_t buffer)
{
    const struct problem_buffer *b = &in->buffers[buffer];
    const struct kernel_tensor *t = &b->tensor;

    if (b->role != PROBLEM_INPUT ||
        t->bytes != t->nb[1] * (size_t)(t->ne[1] * t->ne[2] * t->ne[3]) || t->bytes % t->nb[0])
        return false;
    for (uint32_t s = 0; s + 1 < in->n_steps; s++)
        for (uint32_t i = 0; i < in->steps[s].call.n_in; i++)
            if (in->steps[s].in[i] == buffer)
                return false;
    return true;
}

/* The least common multiple with KERNEL_ALIGN, a power of two. */
static size_t grain_of(size_t block)
{
    size_t grain = block;

    while (grain % KERNEL_ALIGN)
        grain *= 2;
    return grain;
}

int tape_init(struct tape *t, const struct problem_instance *in, uint32_t n, uint32_t buffer,
              bool apart)
{
    const struct kernel_tensor *first = &in[0].buffers[buffer].tensor;
    size_t padded;

    *t = (struct tape){.buffer = buffer, .window = first->bytes, .block = first->nb[0]};
    t->grain = grain_of(t->block);
    padded = (t->window + t->grain - 1) / t->grain * t->grain;
    t->stride = apart ? padded : 0;
    t->bytes = apart ? n * padded : padded + TAPE_SLACK / t->grain * t->grain;
    t->ring = n * t->window;
    t->master = malloc(t->ring + t->window);
    if (!t->master)
        return err_set(ERR_NOMEM, "%s: %zu bytes of activations", in->c->name, t->ring);
    for (uint32_t k = 0; k <= n; k++)
        memcpy(t->master + k * t->window, in[k % n].buffers[buffer].tensor.data, t->window);
    return 0;
}

void tape_deinit(struct tape *t)
{
    free(t->master);
    memset(t, 0, sizeof *t);
}

size_t tape_origins(const struct tape *t)
{
    return t->ring / t->block;
}

size_t tape_places(const struct tape *t)
{
    return t->stride ? t->bytes / t->stride : (t->bytes - t->window) / t->grain + 1;
}

size_t tape_offset(const struct tape *t, size_t place)
{
    return place * (t->stride ? t->stride : t->grain);
}

void tape_write(const struct tape *t, size_t origin, unsigned char *to)
{
    size_t from = origin * t->block;

    for (size_t done = 0; done < t->bytes; from = 0) {
        size_t n = t->ring - from < t->bytes - done ? t->ring - from : t->bytes - done;

        memcpy(to + done, t->master + from, n);
        done += n;
    }
}

bool tape_intact(const struct tape *t, size_t origin, const unsigned char *at)
{
    size_t from = origin * t->block;

    for (size_t done = 0; done < t->bytes; from = 0) {
        size_t n = t->ring - from < t->bytes - done ? t->ring - from : t->bytes - done;

        if (memcmp(at + done, t->master + from, n) != 0)
            return false;
        done += n;
    }
    return true;
}

unsigned char *tape_window(const struct tape *t, size_t origin, size_t place)
{
    return t->master + (origin * t->block + tape_offset(t, place)) % t->ring;
}
