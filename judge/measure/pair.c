/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/pair.h"

#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <stdlib.h>
#include <string.h>

static int inputs_and_outputs_open(struct judge_pair *p)
{
    for (int i = 0; i < 2; i++) {
        TRY(segment_open("input", p->pool.input_bytes, &p->input[i]));
        TRY(segment_open("output", p->pool.output_bytes + WORKER_PAGE, &p->output[i]));
        /* Touch every page now, in the order of addresses. */
        memset(p->input[i].data, 0, p->input[i].bytes);
        memset(p->output[i].data, 0, p->output[i].bytes);
        pool_inputs_write(&p->pool, p->input[i].data);
        TRY(segment_seal(&p->input[i]));
    }
    return 0;
}

int pair__incumbent_error(struct judge_pair *p, const struct judge_fault *fault)
{
    if (!fault->found)
        return 0;
    if (p->build[PAIR_CANDIDATE] == p->build[PAIR_INCUMBENT]) {
        p->fault = *fault;
        return 0;
    }
    return err_set(ERR_INTEGRITY, "the incumbent failed: %s: %s",
                   judge_verdict_name(fault->verdict), fault->message);
}

/* A sealed twin of `bytes` in memory of its own. */
static int opaque_copy(const struct segment *from, size_t bytes, struct segment *out)
{
    TRY(segment_open("opaque", bytes, out));
    memcpy(out->data, from->data, from->bytes < out->bytes ? from->bytes : out->bytes);
    segment_large_pages(out);
    return segment_seal(out);
}

/* The old pages are given back only after the new ones were taken. */
int pair__opaque_move(struct judge_pair *p, int copy)
{
    struct segment *s = &p->opaque[copy], fresh;

    TRY(opaque_copy(s, s->bytes, &fresh));
    segment_close(s);
    *s = fresh;
    return 0;
}

int pair__copy(const struct judge_pair *p, int side, int wanted)
{
    return p->alike ? wanted : side ^ p->turned;
}

void pair__turn(struct judge_pair *p)
{
    unsigned char *a = p->opaque[0].data, *b = p->opaque[1].data, held[WORKER_PAGE];

    if (p->alike)
        return;
    for (size_t at = 0; at < p->opaque[0].bytes; at += WORKER_PAGE) {
        memcpy(held, a + at, WORKER_PAGE);
        memcpy(a + at, b + at, WORKER_PAGE);
        memcpy(b + at, held, WORKER_PAGE);
    }
    p->turned = !p->turned;
}

/* One build on both sides prepares once: what it declares and writes is the same again. */
static int side_prepare(struct judge_pair *p, int side, struct judge_fault *fault)
{
    struct segment *out = &p->opaque[side];

    if (side == PAIR_INCUMBENT && p->build[PAIR_CANDIDATE] == p->build[PAIR_INCUMBENT]) {
        pool_sides_share(&p->pool);
        return opaque_copy(&p->opaque[PAIR_CANDIDATE], p->opaque[PAIR_CANDIDATE].bytes, out);
    }
    TRY(pool_prepare(&p->pool, side, p->build[side], p->o, out, fault));
    if (fault->found)
        return 0;
    segment_large_pages(out); /* the worker that wrote it is gone */
    return segment_seal(out);
}

/* The sides take turns on the memories, so both must be of the larger size. */
static int opaque_widen(struct judge_pair *p)
{
    for (int c = 0; c < 2; c++) {
        struct segment *s = &p->opaque[c], wide;

        if (s->bytes >= p->opaque[1 - c].bytes)
            continue;
        TRY(opaque_copy(s, p->opaque[1 - c].bytes, &wide));
        segment_close(s);
        *s = wide;
    }
    return 0;
}

/* Private bytes of both sides. */
static int opaque_open(struct judge_pair *p, struct judge_fault *incumbent)
{
    TRY(side_prepare(p, PAIR_CANDIDATE, &p->fault));
    if (!p->fault.found)
        TRY(side_prepare(p, PAIR_INCUMBENT, incumbent));
    if (p->fault.found || incumbent->found)
        return 0;
    p->alike = p->o->control.kind != JUDGE_CONTROL_REALLOCATED &&
               pool_sides_equal(&p->pool, &p->opaque[0], &p->opaque[1]);
    return opaque_widen(p);
}

static int pair_fill(struct judge_pair *p, uint64_t seed, bool vary)
{
    struct judge_fault incumbent = {0};

    p->n_cores = side_cores(p->cores, WORKER_MAX_THREADS);
    if (p->n_cores > WORKER_MAX_THREADS)
        p->n_cores = WORKER_MAX_THREADS;
    TRY(pool_init(&p->pool, p->o, seed, vary));
    TRY(inputs_and_outputs_open(p));
    TRY(opaque_open(p, &incumbent));
    if (!p->fault.found && !incumbent.found)
        TRY(pair__calibrate(p, &incumbent));
    return p->fault.found ? 0 : pair__incumbent_error(p, &incumbent);
}

int judge_pair_open(struct judge_build *candidate, struct judge_build *incumbent,
                    const struct judge_options *o, uint64_t shapes_seed, struct judge_pair **out)
{
    struct judge_pair *p = calloc(1, sizeof *p);
    uint64_t seed = shapes_seed ? shapes_seed : o->seed ? o->seed : rng_seed_system();
    int rc;

    *out = NULL;
    if (!p)
        return err_set(ERR_NOMEM, "out of memory for a pair");
    for (int i = 0; i < 2; i++)
        p->input[i] = p->output[i] = p->opaque[i] = SEGMENT_NONE;
    p->build[PAIR_CANDIDATE] = candidate;
    p->build[PAIR_INCUMBENT] = incumbent;
    p->o = o;
    rc = pair_fill(p, seed, shapes_seed != 0);
    if (rc < 0)
        judge_pair_close(&p);
    *out = p;
    return rc;
}

void judge_pair_close(struct judge_pair **p)
{
    if (!*p)
        return;
    for (int i = 0; i < 2; i++) {
        segment_close(&(*p)->input[i]);
        segment_close(&(*p)->output[i]);
        segment_close(&(*p)->opaque[i]);
    }
    pool_deinit(&(*p)->pool);
    free(*p);
    *p = NULL;
}
