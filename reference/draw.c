/* SPDX-License-Identifier: Apache-2.0
 *
 * draw.c: cases that are in no list. A kernel that is only right, or only fast, at the listed sizes
 * must not pass: the check adds drawn cases, and the confirmation times listed ones at other sizes.
 * Every draw keeps its products under a budget, so that the oracle needs some milliseconds. */
#include "reference/operators.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    BUDGET_PRODUCTS = 1 << 19, /* multiply-accumulates of the oracle, per instance */
    BUDGET_VALUES = 1 << 18,   /* values of a K or V store */
    LONG_CONTEXT = 8192,
};

/* A case under construction. */
struct drawing {
    struct rng r;
    struct problem_drawn *out;
    size_t n_params, n_name;
};

static int64_t between(struct drawing *d, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(&d->r, (uint64_t)(high - low + 1));
}

/* True once in `times`. */
static bool once_in(struct drawing *d, uint64_t times)
{
    return rng_below(&d->r, times) == 0;
}

#define PICK(d, array) (array)[rng_below(&(d)->r, sizeof(array) / sizeof(array)[0])]

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void set(struct drawing *d, const char *key, int64_t value)
{
    d->out->c.params[d->n_params++] = (struct problem_param){key, value};
}

__attribute__((format(printf, 2, 3))) static void say(struct drawing *d, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(d->out->name + d->n_name, sizeof d->out->name - d->n_name, fmt, args);
    va_end(args);
    d->n_name = strlen(d->out->name);
}

static void begin(struct drawing *d, const char *op, uint32_t patterns)
{
    d->out->c.op = op;
    d->out->c.n_threads = 1;
    d->out->c.patterns = patterns;
    say(d, "drawn-%s", op);
}

static void set_type(struct drawing *d, uint32_t type)
{
    say(d, "-%s", format_find(type)->name);
    for (char *s = d->out->name; *s; s++)
        *s = (char)tolower((unsigned char)*s);
    set(d, "type", type);
}

/* --- matrices --- */

/* 1..17 as often as not past it: the widths that tiles and their tails are made of. */
static int64_t draw_columns(struct drawing *d)
{
    return once_in(d, 4) ? between(d, 18, 70) : between(d, 1, 17);
}

static const struct format *draw_weights(struct drawing *d)
{
    static const uint32_t types[] = {
        KERNEL_Q4_K,   KERNEL_Q4_K,   KERNEL_Q4_K,  KERNEL_Q4_K,  KERNEL_Q6_K, KERNEL_Q6_K,
        KERNEL_Q6_K,   KERNEL_Q5_K,   KERNEL_Q5_K,  KERNEL_Q8_0,  KERNEL_Q8_0, KERNEL_F16,
        KERNEL_BF16,   KERNEL_F32,    KERNEL_Q4_0,  KERNEL_Q4_1,  KERNEL_Q5_0, KERNEL_Q5_1,
        KERNEL_IQ4_NL, KERNEL_IQ4_XS, KERNEL_TQ2_0, KERNEL_TQ1_0, KERNEL_Q2_K, KERNEL_Q3_K};

    return format_find(PICK(d, types));
}

/* One block, some, or a depth that real models have. */
static int64_t draw_depth(struct drawing *d, const struct format *f)
{
    int64_t elements = f->elements, longest = f->elements == 1 ? 2000 : 14336;

    if (once_in(d, 4))
        return elements;
    if (once_in(d, 8))
        return between(d, 1, longest / elements) * elements;
    return between(d, 1, elements == 1 ? 400 : elements == 32 ? 24 : 6) * elements;
}

/* Rows left for n columns of depth k; mostly no multiple of a tile's height. */
static int64_t draw_rows(struct drawing *d, int64_t n, int64_t k)
{
    int64_t most = larger(1, smaller(150, BUDGET_PRODUCTS / (n * k)));

    return once_in(d, 8) ? 1 : between(d, 1, most);
}

static void draw_matmul(struct drawing *d, const char *op)
{
    static const char *const keys[] = {"m", "m2", "m3"};
    const struct format *f = draw_weights(d);
    int64_t n = strcmp(op, "gemm") ? 1 : draw_columns(d), k = draw_depth(d, f);
    int64_t lists = once_in(d, 4) ? between(d, 2, 3) : 1;

    begin(d, op, PROBLEM__ALL);
    set_type(d, f->type);
    for (int64_t l = 0; l < lists; l++) {
        int64_t m = draw_rows(d, n * lists, k);
        set(d, keys[l], m);
        say(d, l ? "+%d" : "-%d", (int)m);
    }
    set(d, "k", k);
    say(d, "x%d", (int)k);
    if (strcmp(op, "gemm") == 0) {
        set(d, "n", n);
        say(d, "-n%d", (int)n);
    }
    if (n > 1 && once_in(d, 3)) {
        set(d, "x_pad", 4 * between(d, 1, 16));
        say(d, "-strided");
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
    int64_t k = draw_depth(d, f), experts = once_in(d, 4) ? between(d, 17, 64) : between(d, 1, 16);
    int64_t used = between(d, 1, smaller(experts, 16)), n = once_in(d, 3) ? 1 : draw_columns(d);
    int64_t m;

    k = f->elements == 1 ? larger(k, 32) : k;
    n = larger(1, smaller(n, BUDGET_PRODUCTS / 4 / (used * k)));
    m = draw_rows(d, larger(experts, 4 * used * n), k);
    begin(d, "gemm_ids", PROBLEM__ALL);
    set_type(d, f->type);
    set(d, "m", m);
    set(d, "k", k);
    set(d, "experts", experts);
    set(d, "used", used);
    set(d, "n", n);
    set(d, "shared", between(d, 0, 1));
    say(d, "-%dx%dx%d-%d-n%d", (int)m, (int)k, (int)experts, (int)used, (int)n);
    if (once_in(d, 4)) {
        set(d, "m2", draw_rows(d, larger(experts, 4 * used * n), k));
        say(d, "-list");
    }
    if (once_in(d, 3)) {
        set(d, "x_pad", 4 * between(d, 1, 16));
        say(d, "-strided");
    }
}

static void draw_get_rows(struct drawing *d)
{
    const struct format *f = draw_weights(d);
    int64_t k = draw_depth(d, f), n = between(d, 1, 17), m = draw_rows(d, n, k);

    begin(d, "get_rows", PROBLEM__MOVES);
    set_type(d, f->type);
    set(d, "m", m);
    set(d, "k", k);
    set(d, "n", n);
    say(d, "-%dx%d-n%d", (int)m, (int)k, (int)n);
}

static void draw_quantize(struct drawing *d)
{
    uint32_t type = once_in(d, 2) ? KERNEL_Q8_K : KERNEL_Q8_32;
    int64_t k = format_find(type)->elements * (once_in(d, 4) ? 1 : between(d, 1, 20));
    int64_t n = draw_columns(d);

    begin(d, "quantize", PROBLEM__ALL);
    set_type(d, type);
    set(d, "k", k);
    set(d, "n", n);
    set(d, "x_pad", once_in(d, 3) ? 4 * between(d, 1, 16) : 0);
    say(d, "-%dx%d", (int)k, (int)n);
}

/* --- KV --- */

static int64_t draw_head_dim(struct drawing *d)
{
    static const int64_t usual[] = {64, 64, 128, 80, 96, 32};

    return once_in(d, 3) ? 8 * between(d, 1, 16) : PICK(d, usual);
}

static void draw_kv(struct drawing *d)
{
    int64_t dim = draw_head_dim(d), pos = between(d, 0, 200), n = between(d, 1, 150);
    int64_t end = pos + n, pos2, n2, load;

    begin(d, "kv", PROBLEM__MOVES);
    set_type(d, once_in(d, 2) ? KERNEL_F16 : KERNEL_Q8_0);
    set(d, "head_dim", dim);
    set(d, "kv_heads", between(d, 1, 4));
    set(d, "pos", pos);
    set(d, "n", n);
    say(d, "-h%d-%d+%d", (int)dim, (int)pos, (int)n);
    if (once_in(d, 2)) { /* a rollback, or more of the same sequence */
        pos2 = between(d, pos, end);
        n2 = between(d, 1, 80);
        set(d, "pos2", pos2);
        set(d, "n2", n2);
        say(d, "-%d+%d", (int)pos2, (int)n2);
        end = larger(end, pos2 + n2);
    }
    load = between(d, 0, end - pos - 1);
    set(d, "load", load);
    set(d, "n_load", between(d, 1, end - pos - load));
}

/* Page edges, short, or long as far as the budget reaches. */
static int64_t draw_context(struct drawing *d, int64_t most)
{
    int64_t n_kv;

    if (once_in(d, 3))
        n_kv = between(d, 1, 12) * KERNEL_PAGE_POSITIONS + between(d, -1, 1);
    else if (once_in(d, 3))
        n_kv = once_in(d, 4) ? LONG_CONTEXT : between(d, 500, LONG_CONTEXT);
    else
        n_kv = between(d, 1, 300);
    return larger(1, smaller(n_kv, most));
}

/* Masks, caps and where the sequence comes from. */
static void draw_attention_flags(struct drawing *d, int64_t n, int64_t n_kv)
{
    if (once_in(d, 6)) {
        set(d, "causal", 0);
        say(d, "-all");
    }
    if (once_in(d, 4)) {
        int64_t window = between(d, 1, once_in(d, 2) ? 64 : n_kv);
        set(d, "window", window);
        say(d, "-window%d", (int)window);
    }
    if (once_in(d, 4)) {
        int64_t cap = between(d, 5, 50);
        set(d, "softcap", cap);
        say(d, "-softcap%d", (int)cap);
    }
    if (n_kv > n && once_in(d, 6)) {
        int64_t pos = between(d, 0, n_kv - n);
        set(d, "pos", pos);
        say(d, "-at%d", (int)pos);
    }
    if (n_kv > 1 && once_in(d, 3))
        set(d, "split", between(d, 1, n_kv - 1));
    set(d, "old", once_in(d, 4) ? 0 : 1);
}

static void draw_attention(struct drawing *d)
{
    static const int64_t ratios[] = {1, 2, 4, 7, 8};
    int64_t dim = draw_head_dim(d), ratio = PICK(d, ratios);
    int64_t kv_heads = between(d, 1, ratio > 2 ? 2 : 4), heads = kv_heads * ratio;
    int64_t n_kv = draw_context(
        d, smaller(BUDGET_VALUES / (kv_heads * dim), 2 * BUDGET_PRODUCTS / (heads * dim)));
    int64_t n = once_in(d, 3) ? 1 : draw_columns(d);

    n = larger(1, smaller(smaller(n, n_kv), 2 * BUDGET_PRODUCTS / (heads * dim * n_kv)));
    begin(d, "attention", PROBLEM__ALL);
    set_type(d, once_in(d, 2) ? KERNEL_F16 : KERNEL_Q8_0);
    set(d, "head_dim", dim);
    set(d, "heads", heads);
    set(d, "kv_heads", kv_heads);
    set(d, "n", n);
    set(d, "n_kv", n_kv);
    say(d, "-h%d-%d/%d-n%d-kv%d", (int)dim, (int)heads, (int)kv_heads, (int)n, (int)n_kv);
    draw_attention_flags(d, n, n_kv);
}

/* --- row operations --- */

static void draw_row_flags(struct drawing *d, const char *op, int64_t k)
{
    if (!strcmp(op, "rope")) {
        int64_t pairs = once_in(d, 2) ? k / 2 : between(d, 1, k / 2), style = between(d, 0, 1);
        set(d, "heads", between(d, 1, 8));
        set(d, "pairs", pairs);
        set(d, "style", style);
        say(d, style ? "-neox-pairs%d" : "-norm-pairs%d", (int)pairs);
    } else if (!strcmp(op, "glu")) {
        static const char *const names[KERNEL_N_ACTS] = {"silu",    "gelu",    "gelu-erf", "relu",
                                                         "sigmoid", "softcap", "scale"};
        int64_t act = between(d, 0, KERNEL_N_ACTS - 1), single = between(d, 0, 1);
        set(d, "act", act);
        set(d, "single", single);
        set(d, "gain_milli", between(d, 100, 60000));
        say(d, single ? "-%s-single" : "-%s", names[act]);
    } else if (!strcmp(op, "top_k") || !strcmp(op, "mix")) {
        int64_t used = between(d, 1, *op == 't' ? smaller(k, 20) : 16);
        set(d, "used", used);
        set(d, "normalize", between(d, 0, 1));
        say(d, "-%d", (int)used);
    } else if (!strcmp(op, "softmax")) {
        set(d, "scale_milli", between(d, 50, 3000));
    } else if (!strcmp(op, "add")) {
        set(d, "broadcast", between(d, 0, 1));
    } else if (!strcmp(op, "layer_norm")) {
        set(d, "bias", between(d, 0, 1));
    }
}

static void draw_rows_op(struct drawing *d)
{
    static const char *const ops[] = {"rms_norm", "layer_norm", "rope",  "glu", "softmax",
                                      "add",      "argmax",     "top_k", "mix"};
    const char *op = PICK(d, ops);
    int64_t k = once_in(d, 6) ? between(d, 1000, 5000) : between(d, 1, 300);
    int64_t n = once_in(d, 3) ? 1 : draw_columns(d);

    if (!strcmp(op, "rope"))
        k = between(d, 2, 256);
    n = larger(1, smaller(n, 20000 / k));
    begin(d, op, PROBLEM__ALL);
    set(d, "k", k);
    set(d, "n", n);
    say(d, "-%dx%d", (int)k, (int)n);
    draw_row_flags(d, op, k);
}

void problem_case_draw(uint64_t seed, struct problem_drawn *out)
{
    /* Matrices and attention are where the mistakes are. */
    static void (*const families[])(struct drawing *) = {
        draw_gemv,      draw_gemv,     draw_gemv,      draw_gemm,      draw_gemm,
        draw_gemm,      draw_gemm,     draw_attention, draw_attention, draw_attention,
        draw_attention, draw_kv,       draw_kv,        draw_rows_op,   draw_rows_op,
        draw_rows_op,   draw_get_rows, draw_quantize,  draw_gemm_ids,  draw_gemm_ids};
    struct drawing d = {.out = out};

    memset(out, 0, sizeof *out);
    out->c.name = out->name;
    rng_init(&d.r, seed);
    PICK(&d, families)(&d);
}

/* --- other sizes of a timed case --- */

/* `value` moved by up to a quarter, as a multiple of `step`. */
static int64_t moved(struct rng *r, int64_t value, int64_t step)
{
    int64_t low = (3 * value + 4 * step - 1) / (4 * step), high = 5 * value / (4 * step);

    return low >= high ? value : (low + (int64_t)rng_below(r, (uint64_t)(high - low + 1))) * step;
}

/* What a size is counted in; 0: it is no size, or fixed by what the case stands for. */
static int64_t size_step(const struct problem_case *c, const char *key)
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

void problem_case_vary(const struct problem_case *timed, uint64_t seed, struct problem_drawn *out)
{
    struct problem_param *p = out->c.params;
    bool differs = false;
    struct rng r;

    memset(out, 0, sizeof *out);
    out->c = *timed;
    snprintf(out->name, sizeof out->name, "%s", timed->name);
    rng_init(&r, seed);
    for (int tries = 0; tries < 100 && !differs; tries++)
        for (size_t i = 0; i < PROBLEM_MAX_PARAMS && p[i].key; i++) {
            int64_t step = size_step(timed, p[i].key), listed = timed->params[i].value;
            size_t twin = 0; /* sizes that are equal stay so: gate and up */

            while (timed->params[twin].value != listed ||
                   size_step(timed, timed->params[twin].key) != step)
                twin++;
            if (step)
                p[i].value = twin < i ? p[twin].value : moved(&r, listed, step);
            differs |= p[i].value != listed;
        }
}
