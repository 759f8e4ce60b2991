/* SPDX-License-Identifier: Apache-2.0
 *
 * contender_pawl.c: Pawl's side of the comparison, through engine.h for the model and through a
 * team for single products. */
#include "tests/peers/contender.h"

#include "engine/engine.h"
#include "engine/model/resident.h"
#include "engine/run/team.h"
#include "reference/base/checked.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GEMM_REPEATS = 3, GEMV_PASSES = 4 };

struct products {
    struct team *team;
    struct resident memory;
    struct kernel_call gemm[2];                  /* QUANTIZE, GEMM */
    struct kernel_call gemv[2 * PRODUCT_COPIES]; /* QUANTIZE, GEMV of every copy */
};

struct pawl {
    const struct contest *contest;
    struct engine_model *model;
    struct engine_session *session;
    struct products products;
};

/* --- products --- */

static struct kernel_tensor tensor_of(uint32_t type, uint32_t layout, int64_t cols, int64_t rows,
                                      size_t row_bytes)
{
    struct kernel_tensor t = {.type = type, .layout = layout, .ne = {cols, rows, 1, 1}};
    int64_t elements;

    gguf_type_block(type, &elements, &t.nb[0]);
    t.nb[1] = row_bytes;
    t.nb[2] = t.nb[3] = t.bytes = row_bytes * (size_t)rows;
    return t;
}

static struct kernel_call call_of(uint32_t op, struct kernel_tensor in0,
                                  const struct kernel_tensor *in1, struct kernel_tensor out)
{
    struct kernel_call c = {.op = op, .n_in = in1 ? 2 : 1, .n_out = 1, .in = {in0}, .out = {out}};

    if (in1)
        c.in[1] = *in1;
    return c;
}

static int call_measure(const struct kernel_call *call, const struct contest *c,
                        struct kernel_tiling *tiling, size_t *scratch)
{
    if (get_tiling_meta(call, c->n_threads, c->features, tiling) != KERNEL_OK)
        return err_set(ERR_UNSUPPORTED, "kernel %s refuses operation %s", kernel_name,
                       team_op_name(call->op));
    if (tiling->scratch_bytes > *scratch)
        *scratch = tiling->scratch_bytes;
    return 0;
}

/* The tensors of the products: weights plain and packed, activations plain and rounded, result. */
struct product_tensors {
    struct kernel_tensor plain, packed, x, rounded, y;
};

static struct product_tensors tensors_of(int64_t n)
{
    const size_t blocks = PRODUCT_COLS / KERNEL_QK_K;

    return (struct product_tensors){
        .plain = tensor_of(KERNEL_Q4_K, KERNEL_PLAIN, PRODUCT_COLS, PRODUCT_ROWS,
                           blocks * sizeof(struct q4_k_block)),
        .packed = tensor_of(KERNEL_Q4_K, KERNEL_PACKED, PRODUCT_COLS, PRODUCT_ROWS, 0),
        .x = tensor_of(KERNEL_F32, KERNEL_PLAIN, PRODUCT_COLS, n, PRODUCT_COLS * sizeof(float)),
        .rounded = tensor_of(KERNEL_Q8_K, KERNEL_PLAIN, PRODUCT_COLS, n,
                             blocks * sizeof(struct q8_k_block)),
        .y = tensor_of(KERNEL_F32, KERNEL_PLAIN, PRODUCT_ROWS, n, PRODUCT_ROWS * sizeof(float)),
    };
}

static void *take(unsigned char **at, size_t bytes)
{
    void *p = *at;

    *at += size_align(bytes, KERNEL_ALIGN);
    return p;
}

/* Largest scratch of any call, and the bytes of one packed copy. */
static int products_measure(const struct contest *c, size_t *scratch, size_t *packed_bytes)
{
    struct product_tensors one = tensors_of(1), many = tensors_of(PRODUCT_TOKENS);
    const struct kernel_call calls[] = {
        call_of(KERNEL_PACK, one.plain, NULL, one.packed),
        call_of(KERNEL_QUANTIZE, one.x, NULL, one.rounded),
        call_of(KERNEL_QUANTIZE, many.x, NULL, many.rounded),
        call_of(KERNEL_GEMV, one.rounded, &one.packed, one.y),
        call_of(KERNEL_GEMM, many.rounded, &many.packed, many.y),
    };

    *scratch = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct kernel_tiling tiling;

        TRY(call_measure(&calls[i], c, &tiling, scratch));
        if (i == 0)
            *packed_bytes = tiling.opaque_bytes;
    }
    return 0;
}

static int weights_pack(struct products *p, struct kernel_tensor plain, struct kernel_tensor packed)
{
    struct kernel_call call;
    const struct kernel_call *list = &call;
    int rc;

    plain.data = malloc(plain.bytes);
    if (!plain.data)
        return err_set(ERR_NOMEM, "no memory for weights");
    product_weights(plain.data);
    call = call_of(KERNEL_PACK, plain, NULL, packed);
    rc = team_run(p->team, &list, 1);
    free(plain.data);
    return rc;
}

static int products_open(struct products *p, const struct contest *c)
{
    struct product_tensors one = tensors_of(1), many = tensors_of(PRODUCT_TOKENS);
    size_t scratch, packed_bytes = 0;
    unsigned char *at;

    TRY(products_measure(c, &scratch, &packed_bytes));
    TRY(team_open(c->n_threads, c->features, scratch, &p->team));
    TRY(resident_map(PRODUCT_COPIES * size_align(packed_bytes, KERNEL_ALIGN) + many.x.bytes +
                         many.rounded.bytes + many.y.bytes + 4 * KERNEL_ALIGN,
                     "products", &p->memory));
    at = p->memory.data;
    one.packed.bytes = many.packed.bytes = packed_bytes;
    one.x.data = many.x.data = take(&at, many.x.bytes);
    one.rounded.data = many.rounded.data = take(&at, many.rounded.bytes);
    one.y.data = many.y.data = take(&at, many.y.bytes);
    product_activations(many.x.data);
    for (int i = 0; i < PRODUCT_COPIES; i++) {
        many.packed.data = take(&at, packed_bytes);
        if (i == 0) {
            one.packed.data = many.packed.data;
            TRY(weights_pack(p, one.plain, one.packed));
        } else {
            memcpy(many.packed.data, one.packed.data, packed_bytes);
        }
        p->gemv[2 * i] = call_of(KERNEL_QUANTIZE, one.x, NULL, one.rounded);
        p->gemv[2 * i + 1] = call_of(KERNEL_GEMV, one.rounded, &many.packed, one.y);
    }
    p->gemm[0] = call_of(KERNEL_QUANTIZE, many.x, NULL, many.rounded);
    p->gemm[1] = call_of(KERNEL_GEMM, many.rounded, &many.packed, many.y);
    return 0;
}

/* Seconds of one pair of calls, over `repeats` runs of the list. */
static int products_run(struct products *p, const struct kernel_call *calls, size_t n, int repeats,
                        double *seconds, float *result)
{
    const struct kernel_call *list[2 * PRODUCT_COPIES];
    const struct kernel_tensor *y = &calls[n - 1].out[0];
    double start;

    for (size_t i = 0; i < n; i++)
        list[i] = &calls[i];
    TRY(team_run(p->team, list, 2));
    start = contender_now();
    for (int i = 0; i < repeats; i++)
        TRY(team_run(p->team, list, n));
    *seconds = (contender_now() - start) / (repeats * (double)n / 2);
    memcpy(result, y->data, y->bytes);
    return 0;
}

/* --- the model --- */

static int pawl_open(const struct contest *c, void **state, struct contender_label *label)
{
    const struct engine_options o = {
        .features = c->features,
        .n_threads = c->n_threads,
        .n_context = (uint32_t)(c->n_prompt + c->n_decode),
    };
    struct pawl *p = calloc(1, sizeof *p);
    char features[96];

    if (!p)
        return err_set(ERR_NOMEM, "no memory");
    *state = p;
    p->contest = c;
    TRY(engine_model_open(c->model, &o, &p->model));
    TRY(engine_session_open(p->model, &p->session));
    TRY(products_open(&p->products, c));
    cpu_features_print(c->features, features, sizeof features);
    snprintf(label->text, sizeof label->text, "pawl (%s; kernel %.12s)", features,
             engine_kernel_build_id());
    /* Once for nothing: pages are touched and threads awake. */
    return engine_session_eval(p->session, c->ids, c->n_prompt < 256 ? c->n_prompt : 256, NULL,
                               NULL);
}

static int pawl_prefill(struct pawl *p, double *seconds)
{
    const struct contest *c = p->contest;
    double start;

    TRY(engine_session_truncate(p->session, 0));
    start = contender_now();
    TRY(engine_session_eval(p->session, c->ids, c->n_prompt, NULL, NULL));
    *seconds = contender_now() - start;
    return 0;
}

static int pawl_decode(struct pawl *p, double *seconds)
{
    const struct contest *c = p->contest;
    double start;

    TRY(engine_session_truncate(p->session, (uint32_t)c->n_prompt));
    start = contender_now();
    for (size_t i = 0; i < c->n_decode; i++)
        TRY(engine_session_eval(p->session, c->ids + c->n_prompt + i, 1, NULL, NULL));
    *seconds = contender_now() - start;
    return 0;
}

static int pawl_logits(struct pawl *p, float *result)
{
    const struct contest *c = p->contest;

    TRY(engine_session_truncate(p->session, 0));
    for (size_t i = 0; i < LOGITS_ROWS; i++) {
        size_t from = i ? LOGITS_PROMPT + i - 1 : 0;

        TRY(engine_session_eval(p->session, c->ids + from, LOGITS_PROMPT + i - from, NULL, NULL));
        memcpy(result + i * c->n_vocab, engine_session_logits(p->session),
               c->n_vocab * sizeof *result);
    }
    return 0;
}

static int pawl_run(void *state, enum work work, double *seconds, float *result)
{
    struct pawl *p = state;

    switch (work) {
    case WORK_PREFILL:
        return pawl_prefill(p, seconds);
    case WORK_DECODE:
        return pawl_decode(p, seconds);
    case WORK_GEMM:
        return products_run(&p->products, p->products.gemm, 2, GEMM_REPEATS, seconds, result);
    case WORK_GEMV:
        return products_run(&p->products, p->products.gemv, 2 * PRODUCT_COPIES, GEMV_PASSES,
                            seconds, result);
    case WORK_LOGITS:
        return pawl_logits(p, result);
    default:
        return err_set(ERR_USAGE, "no such work");
    }
}

const struct contender_engine contender_pawl = {"pawl", pawl_open, pawl_run};
