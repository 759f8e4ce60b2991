/* SPDX-License-Identifier: Apache-2.0
 *
 * draw.c: cases of the shipped problem that are in no list. Every draw keeps its products under a
 * budget, so that the oracle needs some milliseconds. */
#include "reference/inference/inference.h"
#include "reference/problem/drawing.h"

#include <ctype.h>
#include <string.h>

enum {
    BUDGET_PRODUCTS = 1 << 19, /* multiply-accumulates of the oracle, per instance */
    BUDGET_VALUES = 1 << 18,   /* values of a K or V store */
    LONG_CONTEXT = 8192,
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void set_type(struct drawing *d, uint32_t type)
{
    drawing_say(d, "-%s", format_find(type)->name);
    for (char *s = d->out->name; *s; s++)
        *s = (char)tolower((unsigned char)*s);
    drawing_set(d, "type", type);
}

/* --- matrices --- */

/* 1..17 as often as not past it: the widths that tiles and their tails are made of. */
static int64_t draw_columns(struct drawing *d)
{
    return drawing_once_in(d, 4) ? drawing_between(d, 18, 70) : drawing_between(d, 1, 17);
}

static const struct format *draw_weights(struct drawing *d)
{
    static const uint32_t types[] = {
        KERNEL_Q4_K,   KERNEL_Q4_K,   KERNEL_Q4_K,  KERNEL_Q4_K,  KERNEL_Q6_K, KERNEL_Q6_K,
        KERNEL_Q6_K,   KERNEL_Q5_K,   KERNEL_Q5_K,  KERNEL_Q8_0,  KERNEL_Q8_0, KERNEL_F16,
        KERNEL_BF16,   KERNEL_F32,    KERNEL_Q4_0,  KERNEL_Q4_1,  KERNEL_Q5_0, KERNEL_Q5_1,
        KERNEL_IQ4_NL, KERNEL_IQ4_XS, KERNEL_TQ2_0, KERNEL_TQ1_0, KERNEL_Q2_K, KERNEL_Q3_K};

    return format_find(DRAWING_PICK(d, types));
}

/* One block, some, or a depth that real models have. */
static int64_t draw_depth(struct drawing *d, const struct format *f)
{
    int64_t elements = f->elements, longest = f->elements == 1 ? 2000 : 14336;

    if (drawing_once_in(d, 4))
        return elements;
    if (drawing_once_in(d, 8))
        return drawing_between(d, 1, longest / elements) * elements;
    return drawing_between(d, 1, elements == 1 ? 400 : elements == 32 ? 24 : 6) * elements;
}

/* Rows left for n columns of depth k; mostly no multiple of a tile's height. */
static int64_t draw_rows(struct drawing *d, int64_t n, int64_t k)
{
    int64_t most = larger(1, smaller(150, BUDGET_PRODUCTS / (n * k)));

    return drawing_once_in(d, 8) ? 1 : drawing_between(d, 1, most);
}

static void draw_matmul(struct drawing *d, const char *op)
{
    static const char *const keys[] = {"m", "m2", "m3"};
    const struct format *f = draw_weights(d);
    int64_t n = strcmp(op, "gemm") ? 1 : draw_columns(d), k = draw_depth(d, f);
    int64_t lists = drawing_once_in(d, 4) ? drawing_between(d, 2, 3) : 1;

    drawing_begin(d, op, PROBLEM_ALL);
    set_type(d, f->type);
    for (int64_t l = 0; l < lists; l++) {
        int64_t m = draw_rows(d, n * lists, k);
        drawing_set(d, keys[l], m);
        drawing_say(d, l ? "+%d" : "-%d", (int)m);
    }
    drawing_set(d, "k", k);
    drawing_say(d, "x%d", (int)k);
    if (strcmp(op, "gemm") == 0) {
        drawing_set(d, "n", n);
        drawing_say(d, "-n%d", (int)n);
    }
    if (n > 1 && drawing_once_in(d, 3)) {
        drawing_set(d, "x_pad", 4 * drawing_between(d, 1, 16));
        drawing_say(d, "-strided");
    }
}

static void draw_gemv(struct drawing *d)
{
    draw_matmul(d, "gemv");
}

static void draw_gemm(struct drawing *d)
{
    draw_matmul(d, "gemm");
}

/* Few experts and many, crowded and empty ones. */
static void draw_gemm_ids(struct drawing *d)
{
    const struct format *f = draw_weights(d);
    int64_t k = draw_depth(d, f), experts = drawing_once_in(d, 4) ? drawing_between(d, 17, 64)
                                                                  : drawing_between(d, 1, 16);
    int64_t used = drawing_between(d, 1, smaller(experts, 16)),
            n = drawing_once_in(d, 3) ? 1 : draw_columns(d);
    int64_t m;

    k = f->elements == 1 ? larger(k, 32) : k;
    n = larger(1, smaller(n, BUDGET_PRODUCTS / 4 / (used * k)));
    m = draw_rows(d, larger(experts, 4 * used * n), k);
    drawing_begin(d, "gemm_ids", PROBLEM_ALL);
    set_type(d, f->type);
    drawing_set(d, "m", m);
    drawing_set(d, "k", k);
    drawing_set(d, "experts", experts);
    drawing_set(d, "used", used);
    drawing_set(d, "n", n);
    drawing_set(d, "shared", drawing_between(d, 0, 1));
    drawing_say(d, "-%dx%dx%d-%d-n%d", (int)m, (int)k, (int)experts, (int)used, (int)n);
    if (drawing_once_in(d, 4)) {
        drawing_set(d, "m2", draw_rows(d, larger(experts, 4 * used * n), k));
        drawing_say(d, "-list");
    }
    if (drawing_once_in(d, 3)) {
        drawing_set(d, "x_pad", 4 * drawing_between(d, 1, 16));
        drawing_say(d, "-strided");
    }
}

static void draw_get_rows(struct drawing *d)
{
    const struct format *f = draw_weights(d);
    int64_t k = draw_depth(d, f), n = drawing_between(d, 1, 17), m = draw_rows(d, n, k);

    drawing_begin(d, "get_rows", INFERENCE__MOVES);
    set_type(d, f->type);
    drawing_set(d, "m", m);
    drawing_set(d, "k", k);
    drawing_set(d, "n", n);
    drawing_say(d, "-%dx%d-n%d", (int)m, (int)k, (int)n);
}

static void draw_quantize(struct drawing *d)
{
    uint32_t type = drawing_once_in(d, 2) ? KERNEL_Q8_K : KERNEL_Q8_32;
    int64_t k =
        format_find(type)->elements * (drawing_once_in(d, 4) ? 1 : drawing_between(d, 1, 20));
    int64_t n = draw_columns(d);

    drawing_begin(d, "quantize", PROBLEM_ALL);
    set_type(d, type);
    drawing_set(d, "k", k);
    drawing_set(d, "n", n);
    drawing_set(d, "x_pad", drawing_once_in(d, 3) ? 4 * drawing_between(d, 1, 16) : 0);
    drawing_say(d, "-%dx%d", (int)k, (int)n);
}

/* --- KV --- */

static int64_t draw_head_dim(struct drawing *d)
{
    static const int64_t usual[] = {64, 64, 128, 80, 96, 32};

    return drawing_once_in(d, 3) ? 8 * drawing_between(d, 1, 16) : DRAWING_PICK(d, usual);
}

static void draw_kv(struct drawing *d)
{
    int64_t dim = draw_head_dim(d), pos = drawing_between(d, 0, 200),
            n = drawing_between(d, 1, 150);
    int64_t end = pos + n, pos2, n2, load;

    drawing_begin(d, "kv", INFERENCE__MOVES);
    set_type(d, drawing_once_in(d, 2) ? KERNEL_F16 : KERNEL_Q8_0);
    drawing_set(d, "head_dim", dim);
    drawing_set(d, "kv_heads", drawing_between(d, 1, 4));
    drawing_set(d, "pos", pos);
    drawing_set(d, "n", n);
    drawing_say(d, "-h%d-%d+%d", (int)dim, (int)pos, (int)n);
    if (drawing_once_in(d, 2)) { /* a rollback, or more of the same sequence */
        pos2 = drawing_between(d, pos, end);
        n2 = drawing_between(d, 1, 80);
        drawing_set(d, "pos2", pos2);
        drawing_set(d, "n2", n2);
        drawing_say(d, "-%d+%d", (int)pos2, (int)n2);
        end = larger(end, pos2 + n2);
    }
    load = drawing_between(d, 0, end - pos - 1);
    drawing_set(d, "load", load);
    drawing_set(d, "n_load", drawing_between(d, 1, end - pos - load));
}

/* Page edges, short, or long as far as the budget reaches. */
static int64_t draw_context(struct drawing *d, int64_t most)
{
    int64_t n_kv;

    if (drawing_once_in(d, 3))
        n_kv = drawing_between(d, 1, 12) * KERNEL_PAGE_POSITIONS + drawing_between(d, -1, 1);
    else if (drawing_once_in(d, 3))
        n_kv = drawing_once_in(d, 4) ? LONG_CONTEXT : drawing_between(d, 500, LONG_CONTEXT);
    else
        n_kv = drawing_between(d, 1, 300);
    return larger(1, smaller(n_kv, most));
}

/* Masks, caps and where the sequence comes from. */
static void draw_attention_flags(struct drawing *d, int64_t n, int64_t n_kv)
{
    if (drawing_once_in(d, 6)) {
        drawing_set(d, "causal", 0);
        drawing_say(d, "-all");
    }
    if (drawing_once_in(d, 4)) {
        int64_t window = drawing_between(d, 1, drawing_once_in(d, 2) ? 64 : n_kv);
        drawing_set(d, "window", window);
        drawing_say(d, "-window%d", (int)window);
    }
    if (drawing_once_in(d, 4)) {
        int64_t cap = drawing_between(d, 5, 50);
        drawing_set(d, "softcap", cap);
        drawing_say(d, "-softcap%d", (int)cap);
    }
    if (n_kv > n && drawing_once_in(d, 6)) {
        int64_t pos = drawing_between(d, 0, n_kv - n);
        drawing_set(d, "pos", pos);
        drawing_say(d, "-at%d", (int)pos);
    }
    if (n_kv > 1 && drawing_once_in(d, 3))
        drawing_set(d, "split", drawing_between(d, 1, n_kv - 1));
    drawing_set(d, "old", drawing_once_in(d, 4) ? 0 : 1);
}

static void draw_attention(struct drawing *d)
{
    static const int64_t ratios[] = {1, 2, 4, 7, 8};
    int64_t dim = draw_head_dim(d), ratio = DRAWING_PICK(d, ratios);
    int64_t kv_heads = drawing_between(d, 1, ratio > 2 ? 2 : 4), heads = kv_heads * ratio;
    int64_t n_kv = draw_context(
        d, smaller(BUDGET_VALUES / (kv_heads * dim), 2 * BUDGET_PRODUCTS / (heads * dim)));
    int64_t n = drawing_once_in(d, 3) ? 1 : draw_columns(d);

    n = larger(1, smaller(smaller(n, n_kv), 2 * BUDGET_PRODUCTS / (heads * dim * n_kv)));
    drawing_begin(d, "attention", PROBLEM_ALL);
    set_type(d, drawing_once_in(d, 2) ? KERNEL_F16 : KERNEL_Q8_0);
    drawing_set(d, "head_dim", dim);
    drawing_set(d, "heads", heads);
    drawing_set(d, "kv_heads", kv_heads);
    drawing_set(d, "n", n);
    drawing_set(d, "n_kv", n_kv);
    drawing_say(d, "-h%d-%d/%d-n%d-kv%d", (int)dim, (int)heads, (int)kv_heads, (int)n, (int)n_kv);
    draw_attention_flags(d, n, n_kv);
}

/* --- row operations --- */

static void draw_row_flags(struct drawing *d, const char *op, int64_t k)
{
    if (!strcmp(op, "rope")) {
        int64_t pairs = drawing_once_in(d, 2) ? k / 2 : drawing_between(d, 1, k / 2),
                style = drawing_between(d, 0, 1);
        drawing_set(d, "heads", drawing_between(d, 1, 8));
        drawing_set(d, "pairs", pairs);
        drawing_set(d, "style", style);
        drawing_say(d, style ? "-neox-pairs%d" : "-norm-pairs%d", (int)pairs);
    } else if (!strcmp(op, "glu")) {
        static const char *const names[KERNEL_N_ACTS] = {"silu",    "gelu",    "gelu-erf", "relu",
                                                         "sigmoid", "softcap", "scale"};
        int64_t act = drawing_between(d, 0, KERNEL_N_ACTS - 1), single = drawing_between(d, 0, 1);
        drawing_set(d, "act", act);
        drawing_set(d, "single", single);
        drawing_set(d, "gain_milli", drawing_between(d, 100, 60000));
        drawing_say(d, single ? "-%s-single" : "-%s", names[act]);
    } else if (!strcmp(op, "top_k") || !strcmp(op, "mix")) {
        int64_t used = drawing_between(d, 1, *op == 't' ? smaller(k, 20) : 16);
        drawing_set(d, "used", used);
        drawing_set(d, "normalize", drawing_between(d, 0, 1));
        drawing_say(d, "-%d", (int)used);
    } else if (!strcmp(op, "softmax")) {
        drawing_set(d, "scale_milli", drawing_between(d, 50, 3000));
    } else if (!strcmp(op, "add")) {
        drawing_set(d, "broadcast", drawing_between(d, 0, 1));
    } else if (!strcmp(op, "layer_norm")) {
        drawing_set(d, "bias", drawing_between(d, 0, 1));
    }
}

static void draw_rows_op(struct drawing *d)
{
    static const char *const ops[] = {"rms_norm", "layer_norm", "rope",  "glu", "softmax",
                                      "add",      "argmax",     "top_k", "mix"};
    const char *op = DRAWING_PICK(d, ops);
    int64_t k = drawing_once_in(d, 6) ? drawing_between(d, 1000, 5000) : drawing_between(d, 1, 300);
    int64_t n = drawing_once_in(d, 3) ? 1 : draw_columns(d);

    if (!strcmp(op, "rope"))
        k = drawing_between(d, 2, 256);
    n = larger(1, smaller(n, 20000 / k));
    drawing_begin(d, op, PROBLEM_ALL);
    drawing_set(d, "k", k);
    drawing_set(d, "n", n);
    drawing_say(d, "-%dx%d", (int)k, (int)n);
    draw_row_flags(d, op, k);
}

void inference__draw(struct drawing *d)
{
    /* Matrices and attention are where the mistakes are. */
    static void (*const families[])(struct drawing *) = {
        draw_gemv,      draw_gemv,     draw_gemv,      draw_gemm,      draw_gemm,
        draw_gemm,      draw_gemm,     draw_attention, draw_attention, draw_attention,
        draw_attention, draw_kv,       draw_kv,        draw_rows_op,   draw_rows_op,
        draw_rows_op,   draw_get_rows, draw_quantize,  draw_gemm_ids,  draw_gemm_ids};

    DRAWING_PICK(d, families)(d);
}

/* The sizes of a timed case that may move. */
int64_t inference__size_step(const struct problem_case *c, const char *key)
{
    static const char *const free_sizes[] = {"m", "m2", "m3", "n", "n_kv"};
    const struct format *f = format_find((uint32_t)problem_param(c, "type", KERNEL_F32));

    if (!strcmp(key, "k"))
        return strcmp(c->op, "attention") ? f->elements : 0;
    /* What is loaded must have been stored: where that is all of it, both move. */
    if (!strcmp(c->op, "kv"))
        return (!strcmp(key, "n") || !strcmp(key, "n_load")) &&
               problem_param(c, "n", 0) == problem_param(c, "n_load", 0);
    for (size_t i = 0; i < sizeof free_sizes / sizeof free_sizes[0]; i++)
        if (!strcmp(key, free_sizes[i]))
            return 1;
    return 0;
}
