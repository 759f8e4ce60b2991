/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/batch.h"

#include "judge/check/compare.h"
#include "reference/base/err.h"

#include <string.h>

#define BATCH_TIMEOUT_NS (10 * UINT64_C(1000000000))

/* Windows that lie apart are dealt without replacement too: turned by one draw for the batch. */
static uint32_t place_draw(const struct tape *t, uint32_t slot, uint32_t turn, struct rng *r)
{
    size_t places = tape_places(t);

    return (uint32_t)(t->stride ? (slot + turn) % places : rng_below(r, places));
}

void batch_draw(struct batch *b, const struct pool_case *c, uint32_t count, struct rng *r)
{
    uint32_t turn = (uint32_t)rng_below(r, c->n);

    b->c = c;
    b->count = count;
    b->sentinel = compare_sentinel(rng_next(r));
    for (uint32_t i = 0; i < c->n; i++)
        b->slot[i] = i;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = i + (uint32_t)rng_below(r, c->n - i), t = b->slot[k];

        b->slot[k] = b->slot[i];
        b->slot[i] = t;
    }
    for (uint32_t t = 0; t < c->n_tapes; t++) {
        b->origin[t] = rng_below(r, tape_origins(&c->tapes[t]));
        for (uint32_t i = 0; i < count; i++)
            b->place[i][t] = place_draw(&c->tapes[t], b->slot[i], turn, r);
    }
}

static void outputs_poison(const struct batch *b, const struct seat *s, uint32_t i)
{
    const struct problem_instance *in = &b->c->in[b->slot[i]];

    for (uint32_t k = 0; k < in->n_buffers; k++)
        if (in->buffers[k].role == PROBLEM_OUTPUT)
            compare_sentinel_fill(seat_output(s, b->c, b->slot[i], k), in->buffers[k].tensor.bytes,
                                  b->sentinel);
}

static int batch_command(const struct batch *b, struct seat *s, enum worker_op op,
                         struct side_result *r, struct judge_fault *fault)
{
    struct worker_command command = {
        .op = op,
        .reload = op == WORKER_LOAD,
        .n_threads = b->c->n_threads,
        .base = b->c->first_request,
        .pool = b->count,
        .count = op == WORKER_RUN ? b->count : 0,
    };

    TRY(side_command(s->worker, &command, BATCH_TIMEOUT_NS, r));
    fault_from_result(fault, r);
    if (fault->found)
        fault_wrap(fault, "timed case %s", b->c->c->name);
    return 0;
}

int batch_lay(const struct batch *b, struct seat *s, uint64_t extra_steps,
              struct judge_fault *fault)
{
    const struct pool_case *c = b->c;
    struct worker_request *requests = &side_requests(s->worker)[c->first_request];
    struct side_result r;

    for (uint32_t t = 0; t < c->n_tapes; t++)
        tape_write(&c->tapes[t], b->origin[t], s->input->data + c->tape_base[t]);
    for (uint32_t i = 0; i < b->count; i++) {
        outputs_poison(b, s, i);
        pool_request(c, s->side, b->slot[i], b->place[i], s->shift, &requests[i]);
        requests[i].extra_steps = extra_steps;
    }
    TRY(batch_command(b, s, WORKER_LOAD, &r, fault));
    return fault->found ? 0 : side_scratch_clear(s->worker);
}

int batch_run(const struct batch *b, struct seat *s, double *ns, struct judge_fault *fault)
{
    struct side_result r;

    TRY(batch_command(b, s, WORKER_RUN, &r, fault));
    *ns = (double)r.ns / b->count;
    return 0;
}

void batch_view(const struct batch *b, uint32_t i, struct problem_instance *out)
{
    void *data[PROBLEM_MAX_BUFFERS] = {NULL};

    for (uint32_t t = 0; t < b->c->n_tapes; t++)
        data[b->c->tapes[t].buffer] = tape_window(&b->c->tapes[t], b->origin[t], b->place[i][t]);
    problem_instance_view(&b->c->in[b->slot[i]], data, out);
}

bool batch_intact(const struct batch *b, const struct seat *s)
{
    for (uint32_t t = 0; t < b->c->n_tapes; t++)
        if (!tape_intact(&b->c->tapes[t], b->origin[t], s->input->data + b->c->tape_base[t]))
            return false;
    return true;
}
