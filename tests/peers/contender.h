/* SPDX-License-Identifier: Apache-2.0
 *
 * contender.h: an inference engine in a process of its own, pinned to as many processors as it has
 * threads. Contenders are given the same work one after the other: while one works, the others are
 * stopped (SIGSTOP), so that no spinning thread of theirs takes part. A contender that dies takes
 * nobody along. Used by bench-peers alone. */
#ifndef PAWL_CONTENDER_H
#define PAWL_CONTENDER_H

#include <stddef.h>
#include <stdint.h>

enum work {
    WORK_PREFILL, /* the whole prompt after forgetting everything: seconds */
    WORK_DECODE,  /* n_decode single tokens after the prompt: seconds */
    WORK_GEMM,    /* the product of PRODUCT_TOKENS columns: seconds of one */
    WORK_GEMV,    /* products of one column, each with other weights: seconds of one */
    WORK_LOGITS,  /* logits of LOGITS_ROWS tokens, into result; no seconds */
    N_WORKS,
};

/* Single products: Q4_K weights [cols, rows]; the activations are f32, so that rounding them is
 * part of the work on both sides. All copies together are larger than any cache. */
enum { PRODUCT_ROWS = 4096, PRODUCT_COLS = 4096, PRODUCT_TOKENS = 512, PRODUCT_COPIES = 64 };

/* Logits are compared after a prefill and after each of the single tokens that follow. */
enum { LOGITS_PROMPT = 48, LOGITS_ROWS = 16 };

/* What both sides of a comparison are told. */
struct contest {
    const char *model; /* path of the GGUF file */
    uint32_t n_threads;
    size_t n_prompt, n_decode;
    size_t n_vocab;
    const int32_t *ids;    /* [n_prompt + n_decode], and at least LOGITS_PROMPT + LOGITS_ROWS */
    uint64_t features;     /* Pawl: enum kernel_feature bits it may use */
    const char *libraries; /* llama.cpp: folder of its libraries */
    const char *variant;   /* llama.cpp: "haswell", ... or NULL for its own choice */
};

struct contender_label {
    char text[400]; /* what runs, for the head of a table */
};

/* One engine, inside its own process. `result` receives what WORK_LOGITS ([LOGITS_ROWS][n_vocab])
 * and the products (the last output: [PRODUCT_ROWS] or [PRODUCT_TOKENS][PRODUCT_ROWS]) computed. */
struct contender_engine {
    const char *name;
    int (*open)(const struct contest *c, void **state, struct contender_label *label);
    int (*run)(void *state, enum work work, double *seconds, float *result);
};

extern const struct contender_engine contender_pawl, contender_llama;

/* Weights (PRODUCT_ROWS x PRODUCT_COLS / 256 blocks of Q4_K) and activations
 * ([PRODUCT_TOKENS][PRODUCT_COLS]) of the products, the same on both sides. */
void product_weights(void *blocks);
void product_activations(float *x);

/* Monotonic seconds. */
double contender_now(void);

struct contender;

/* Start the engine in a process of its own and wait until it is ready; it is stopped then. `c` must
 * outlive the contender. Errors: ERR_IO, ERR_NOMEM, and the engine's own message. */
int contender_open(const struct contender_engine *engine, const struct contest *c,
                   struct contender **out);
void contender_close(struct contender **c);

const char *contender_label(const struct contender *c);

/* Let it run one piece of work; *seconds as `enum work` says. */
int contender_run(struct contender *c, enum work work, double *seconds);

/* What the last work computed; borrowed, overwritten by the next. */
const float *contender_result(const struct contender *c);

#endif
