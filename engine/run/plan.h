/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.h: a graph laid out for one session: a flat list of kernel calls, and one arena that holds
 * every activation at an offset known before the first token. The planner puts QUANTIZE where a
 * weight type wants quantised activations, joins products that share an input and a weight type
 * into one list, and gives two activations the same bytes when they are never alive together.
 * Running a batch then means: bind its token count and position into the calls, hand the list to
 * the team. Only the engine includes this. */
#ifndef PAWL_PLAN_H
#define PAWL_PLAN_H

#include "engine/model/graph.h"
#include "engine/run/kv_cache.h"

/* What the arena must be large enough for. */
struct plan_limits {
    uint32_t n_context;   /* positions */
    uint32_t micro_batch; /* tokens in one body run */
    uint32_t n_outputs;   /* rows of the result in one head run */
    uint32_t n_threads;
    uint64_t features;
    uint32_t kv_type; /* KERNEL_F16 or KERNEL_Q8_0 */
    bool hidden;      /* results are hidden states, not logits */
};

/* One life of one activation. */
struct plan_buffer {
    const char *name;
    uint32_t type;        /* enum kernel_type */
    enum dim ne[3];       /* symbolic shape */
    size_t bytes;         /* at the limits */
    size_t offset;        /* in the arena, a multiple of KERNEL_ALIGN */
    uint32_t first, last; /* calls during which its bytes are its own */
};

/* How one tensor of a call follows the batch. */
enum plan_role {
    PLAN_FIXED,   /* weights, pages: never changes */
    PLAN_TOKENS,  /* extent `axis` = tokens of the batch */
    PLAN_OUTPUTS, /* extent `axis` = outputs of the chunk */
    PLAN_SLICE,   /* the chunk's outputs within a buffer of tokens */
    PLAN_PLACES,  /* a table over positions, from the batch's first on */
    PLAN_TABLE,   /* the page table, as far as pages are in use */
};

struct plan_arg {
    enum plan_role role;
    uint32_t axis;
    uint32_t rows;  /* along `axis` for each token: 1, but heads or experts where they are rows */
    size_t offset;  /* bytes into the buffer, or into the weight's data */
    int32_t buffer; /* plan.buffers index; -1: not in the arena */
    int32_t weight; /* graph.weights index; -1: no weight */
};

struct plan_call {
    const char *name;
    int32_t layer; /* -1: outside the layers */
    struct kernel_call call;
    struct plan_arg in[KERNEL_MAX_TENSORS];
    struct plan_arg out[KERNEL_MAX_TENSORS];
};

struct plan {
    const struct graph *graph;
    struct plan_limits limits;
    struct kv_shape kv;
    struct plan_buffer *buffers;
    uint32_t n_buffers;
    struct plan_call *calls;         /* body (every batch), then head (every chunk of outputs) */
    const struct kernel_call **list; /* &calls[i].call */
    uint32_t n_calls, n_body;
    uint32_t ids, result; /* buffers: i32 [tokens], f32 [width, outputs] */
    size_t width;         /* vocab, or embed for hidden states */
    int32_t positions;    /* buffer: i32 [context], 0, 1, ...; -1: the graph has no use for it */
    uint32_t ropes[GRAPH_MAX_ROPES]; /* buffers: f32 [rope, context], graph.n_ropes of them */
    size_t arena_bytes, live_bytes; /* arena; what it would be if no two activations shared bytes */
    size_t scratch_bytes;           /* per thread, for every batch size up to the limits */
    unsigned char *arena;
};

/* Lay g out. *out borrows g. Allocates no arena. Threads: any.
 * Errors: ERR_UNSUPPORTED naming the node the kernel cannot do; ERR_RANGE, ERR_NOMEM. */
int plan_open(const struct graph *g, const struct plan_limits *limits, struct plan **out);
void plan_close(struct plan **p);

/* Give the calls their memory: arena [arena_bytes], 64-byte aligned, and the pages of `kv`, both
 * borrowed. The graph's weights must be packed. Fills the tables over positions. Error:
 * ERR_FORMAT for rotary factors that are not positive and finite. */
int plan_attach(struct plan *p, void *arena, struct kv_cache *kv);

/* Set up the body (calls 0..n_body-1) for n tokens (1..micro_batch) from `position`. The page table
 * must cover position + n positions before the calls run. Allocates nothing. */
void plan_bind_tokens(struct plan *p, uint32_t position, uint32_t n);

/* Set up the head (the other calls) for n rows of the result (1..n_outputs), of the tokens of the last
 * body run from `first` on. Allocates nothing. */
void plan_bind_outputs(struct plan *p, uint32_t first, uint32_t n);

void *plan_buffer_data(const struct plan *p, uint32_t buffer);

/* Type of the activations that a product with weights of `weight_type` reads (kernel.h, GEMV). */
uint32_t plan_activation_type(uint32_t weight_type);

/* Elements and bytes of one block of an activation type (f32, i32, Q8_K, Q8_32). */
void plan_type_block(uint32_t type, size_t *elements, size_t *bytes);

/* The largest a symbolic dimension gets within the plan's limits. */
int64_t plan_dim(const struct plan *p, enum dim d);

/* Calls, buffers with their shapes, and the arena's map, for people. */
void plan_print(const struct plan *p, FILE *out);

/* Second half of plan_open, apart so that it can be tested alone: give every buffer an offset such
 * that buffers alive during a common call do not overlap. first and last must be set. Returns the
 * bytes needed. `order` is scratch of n entries. */
size_t plan_arena_place(struct plan_buffer *buffers, uint32_t n, uint32_t *order);

#endif
