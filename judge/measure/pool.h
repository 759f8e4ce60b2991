/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.h: the timed instances of all timed cases, and the memory they are timed in. A case has many
 * instances, so that requests follow each other as in real use: cold weights, new addresses, and
 * none shares a weight row, a page or an output with another of the same slice. The private bytes
 * (packed weights, pages) of each side are made once by a worker of their own, whose only output
 * they are; measuring workers see them read-only. Activations come from tapes (tape.h). Inside
 * judge/ only. */
#ifndef PAWL_POOL_H
#define PAWL_POOL_H

#include "judge/measure/tape.h"
#include "judge/measure/unit.h"
#include "judge/worker/fault.h"
#include "judge/worker/request.h"
#include "judge/worker/segment.h"

enum {
    POOL_MIN_INSTANCES = 4, /* even a slice of few requests changes its addresses */
    POOL_MAX_INSTANCES = 4096,
    POOL_MAX_TAPES = 4,
};
/* Canonical bytes per case at most: two sides' copies of ten cases and the oracle's inputs must fit
 * the memory of a small machine. */
#define POOL_CAP_BYTES ((size_t)64 << 20)

/* Cases without a pool (row operations, quantisation) get instances until their inputs, outputs or
 * weights come to this. Inputs and outputs of a slice are all rewritten by the judge before it,
 * which at this size takes a few milliseconds; slices of 1 ms and more are the gain. */
#define POOL_HOT_BYTES ((size_t)16 << 20)

/* Where the buffers of one kind lie in a segment: instance k's buffer b at base + k * stride +
 * at[b]. */
struct pool_region {
    size_t base, stride;
    size_t at[PROBLEM_MAX_BUFFERS];
};

struct pool_case {
    const struct problem_case *c;        /* what is timed: listed, or of `drawn` */
    const struct problem_case *reported; /* the same, alive after the pool is gone */
    struct problem_drawn drawn;
    uint32_t n;                  /* instances */
    uint32_t first_request;      /* in the request table; n follow */
    uint32_t n_threads;          /* team when timed */
    struct problem_instance *in; /* [n] */
    struct tape tapes[POOL_MAX_TAPES];
    size_t tape_base[POOL_MAX_TAPES]; /* in the input segment */
    uint32_t n_tapes;
    struct pool_region input;             /* INPUT buffers without a tape */
    struct pool_region output, opaque[2]; /* opaque[side]: candidate, incumbent */
    struct request_sizes sizes[2];
};

struct pool {
    size_t n_cases;
    struct pool_case cases[UNIT_MAX_CASES];
    uint32_t n_requests, n_threads; /* of all cases; the largest team */
    uint64_t features;
    size_t input_bytes, output_bytes, opaque_bytes[2];
};

/* Generate the instances of every timed case: weight > 0, or of operation o->focus when none of its
 * cases has weight. With `vary` their sizes are drawn from `seed` (problem_case_vary). The pool
 * must not move afterwards. Error: ERR_USAGE (no timed case, unknown focus), ERR_NOMEM,
 * ERR_UNSUPPORTED; the caller releases with pool_deinit in any case. */
int pool_init(struct pool *p, const struct judge_options *o, uint64_t seed, bool vary);
void pool_deinit(struct pool *p);

/* Copy the inputs of the timed steps that have no tape into `to` (input_bytes, zero-based). */
void pool_inputs_write(const struct pool *p, unsigned char *to);

/* Let the build of `side` (0 candidate, 1 incumbent) declare its sizes and prepare its private
 * bytes in a new segment (the caller's). A kernel that fails is a fault. */
int pool_prepare(struct pool *p, int side, struct judge_build *build, const struct judge_options *o,
                 struct segment *out, struct judge_fault *fault);

/* Let the incumbent's sizes and places be the candidate's: they are one build. */
void pool_sides_share(struct pool *p);

/* True when both sides laid the same bytes into the same places. */
bool pool_sides_equal(const struct pool *p, const struct segment *candidate,
                      const struct segment *incumbent);

/* The last step of instance k of a case as a request, with the regions in slots 0 (inputs), 1
 * (opaque) and 2 (outputs, moved by output_shift bytes); places [n_tapes]: of its windows. */
void pool_request(const struct pool_case *c, int side, uint32_t k, const uint32_t *places,
                  size_t output_shift, struct worker_request *out);

/* Lay the buffers chosen by `take` [n_buffers] for all instances of `c` behind *end, each with
 * bytes[b]. */
void pool__region_lay(struct pool_region *r, const struct pool_case *c, const size_t *bytes,
                      const bool *take, size_t *end);

#endif
