/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/verify.h"

#include "judge/check/compare.h"
#include "reference/base/err.h"

#include <math.h>
#include <time.h>

/* What the oracle may take after each slice for drawn elements, and in one slice out of VERIFY_WHOLE
 * for a whole output: together less than the slices themselves. */
#define LOOK_NS  1e6
#define WHOLE_NS 20e6
/* The oracle's speed in algorithmic operations, a cautious one. */
#define ORACLE_FLOPS_PER_NS 1.0

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint32_t outputs_of(const struct problem_instance *in, uint32_t list[PROBLEM_MAX_BUFFERS])
{
    uint32_t n = 0;

    for (uint32_t b = 0; b < in->n_buffers; b++)
        if (in->buffers[b].role == PROBLEM_OUTPUT)
            list[n++] = b;
    return n;
}

int verify_affordable(const struct pool_case *c, uint32_t *looks)
{
    void *const data[PROBLEM_MAX_BUFFERS] = {NULL};
    uint32_t list[PROBLEM_MAX_BUFFERS];
    double least = HUGE_VAL;

    outputs_of(&c->in[0], list);
    for (int k = 0; k < 3; k++) {
        struct problem_instance view;
        struct compare_expect e;
        double begin = now_ns();
        int rc;

        problem_instance_view(&c->in[0], data, &view);
        rc = compare_expect_init(&view, list[0], 0, 1, &e);
        if (rc == 0)
            compare_expect_deinit(&e);
        problem_instance_deinit(&view);
        TRY(rc);
        least = fmin(least, now_ns() - begin);
    }
    *looks = (uint32_t)fmax(VERIFY_LEAST, fmin(VERIFY_REQUESTS, LOOK_NS / least));
    return 0;
}

/* Elements first .. first+count-1 of one output of request i. */
static int range_verify(const struct batch *b, const struct seat *s, uint32_t i,
                        struct problem_instance *view, uint32_t buffer, size_t first, size_t count,
                        struct judge_fault *fault)
{
    struct compare_stats unused = {0};
    struct compare_expect e;
    char message[256];

    TRY(compare_expect_init(view, buffer, first, count, &e));
    if (!compare_check(&e, seat_output(s, b->c, b->slot[i], buffer), b->sentinel, &unused, message,
                       sizeof message))
        fault_set(fault, JUDGE_FAIL_CORRECTNESS,
                  "case %s: request %u of %u of a timed call differs from the oracle: %s",
                  b->c->c->name, i + 1, b->count, message);
    compare_expect_deinit(&e);
    return 0;
}

/* Some elements of request i. */
static int request_look(const struct batch *b, const struct seat *s, uint32_t i, struct rng *r,
                        uint32_t *n_verified, struct judge_fault *fault)
{
    struct problem_instance view;
    uint32_t list[PROBLEM_MAX_BUFFERS], n;
    int rc = 0;

    batch_view(b, i, &view);
    n = outputs_of(&view, list);
    for (int k = 0; k < VERIFY_ELEMENTS && n && rc == 0 && !fault->found; k++) {
        uint32_t buffer = list[rng_below(r, n)];

        rc = range_verify(b, s, i, &view, buffer, rng_below(r, problem_output_count(&view, buffer)),
                          1, fault);
        *n_verified += rc == 0;
    }
    problem_instance_deinit(&view);
    return rc;
}

/* All of request i's outputs, or as long a run of each as the oracle can afford. */
static int request_verify(const struct batch *b, const struct seat *s, uint32_t i, struct rng *r,
                          uint32_t *n_verified, struct judge_fault *fault)
{
    struct problem_instance view;
    uint32_t list[PROBLEM_MAX_BUFFERS], n;
    struct problem_work work;
    double share;
    int rc;

    TRY(compute_flops(b->c->c, &work));
    share = WHOLE_NS * ORACLE_FLOPS_PER_NS / (work.flops_f32 + work.ops_int8 + work.ops_bf16 + 1);
    batch_view(b, i, &view);
    n = outputs_of(&view, list);
    rc = 0;
    for (uint32_t k = 0; k < n && rc == 0 && !fault->found; k++) {
        size_t total = problem_output_count(&view, list[k]);
        size_t count = (size_t)fmax(1, fmin(1, share) * (double)total);
        size_t first = rng_below(r, total - count + 1);

        rc = range_verify(b, s, i, &view, list[k], first, count, fault);
        *n_verified += (uint32_t)count;
    }
    problem_instance_deinit(&view);
    return rc;
}

/* The last request first: who rings too early has not finished it. The others are drawn without
 * replacement from the rest. */
int verify_batch(const struct batch *b, const struct seat *s, uint32_t looks, struct rng *r,
                 uint32_t *n_verified, struct judge_fault *fault)
{
    uint32_t left = b->count - 1, wanted = looks - 1;

    TRY(request_look(b, s, b->count - 1, r, n_verified, fault));
    for (uint32_t i = 0; i < b->count - 1 && wanted && !fault->found; i++, left--)
        if (rng_below(r, left) < wanted) {
            TRY(request_look(b, s, i, r, n_verified, fault));
            wanted--;
        }
    if (!fault->found && rng_below(r, VERIFY_WHOLE) == 0)
        TRY(request_verify(b, s, (uint32_t)rng_below(r, b->count), r, n_verified, fault));
    return 0;
}
