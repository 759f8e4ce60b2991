/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/seat.h"

#include "reference/base/err.h"
#include "reference/base/rng.h"

int seat_open(struct judge_pair *p, int side, int copy, uint64_t layout, uint64_t place_seed,
              uint32_t first_core, struct seat *out)
{
    const struct segment *segments[] = {&p->input[copy], &p->opaque[copy],
                                        &p->output[side ^ p->swapped]};
    struct side_spec spec = {
        .worker = p->o->worker,
        .input = segments[0],
        .opaque = segments[1],
        .output = segments[2],
        .features = p->pool.features,
        .n_threads = p->pool.n_threads,
        .n_requests = p->pool.n_requests,
        .place_seed = place_seed,
        .n_slots = 3,
    };
    struct rng r;

    *out = (struct seat){
        .side = side,
        .copy = copy,
        .input = segments[0],
        .opaque = segments[1],
        .output = segments[2],
    };
    rng_init(&r, place_seed);
    if (place_seed)
        out->shift = KERNEL_ALIGN * (size_t)rng_below(&r, WORKER_PAGE / KERNEL_ALIGN);
    TRY(judge_build_link(p->build[side], layout, &spec.object));
    for (uint32_t i = 0; i < WORKER_MAX_THREADS; i++)
        spec.core[i] = p->n_cores ? p->cores[(first_core + i) % p->n_cores] : -1;
    for (uint32_t i = 0; i < 3; i++)
        spec.slots[i] = (struct worker_slot){
            .file = WORKER_INPUT + i,
            .writable = i == 2,
            .populate = 1,
            .bytes = segments[i]->bytes,
        };
    return side_open(&spec, &out->worker);
}

void seat_close(struct seat *s)
{
    side_close(&s->worker);
}

unsigned char *seat_output(const struct seat *s, const struct pool_case *c, uint32_t k,
                           uint32_t buffer)
{
    return s->output->data + c->output.base + k * c->output.stride + c->output.at[buffer] +
           s->shift;
}
