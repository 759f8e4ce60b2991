/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/workload.h"

#include "engine/run/team.h"
#include "reference/base/err.h"
#include "reference/base/formats.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct workload {
    struct workload_entry *at;
    size_t n, capacity;
    double total_ns;
};

int workload_open(struct workload **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : err_set(ERR_NOMEM, "no memory");
}

void workload_close(struct workload **w)
{
    if (!*w)
        return;
    free((*w)->at);
    free(*w);
    *w = NULL;
}

void workload_clear(struct workload *w)
{
    w->n = 0;
    w->total_ns = 0;
}

/* --- a call as a case --- */

static void param_put(struct problem_case *c, const char *key, int64_t value)
{
    for (int i = 0; i < PROBLEM_MAX_PARAMS; i++)
        if (!c->params[i].key) {
            c->params[i] = (struct problem_param){key, value};
            return;
        }
}

/* Rows that lie behind one another along `from` and the dimensions after it. */
static int64_t extent_from(const struct kernel_tensor *t, int from)
{
    int64_t n = 1;

    for (int d = from; d < 4; d++)
        n *= t->ne[d];
    return n;
}

/* in[first..last]: a list of matrices that share an input. A case names three at most. */
static void matrices_put(struct problem_case *c, const struct kernel_call *call, uint32_t last)
{
    static const char *const keys[3] = {"m", "m2", "m3"};

    param_put(c, "type", call->in[1].type);
    for (uint32_t l = 1; l <= last && l <= 3; l++)
        param_put(c, keys[l - 1], call->in[l].ne[1]);
    param_put(c, "k", call->in[1].ne[0]);
}

static void experts_put(struct problem_case *c, const struct kernel_call *call)
{
    const struct kernel_tensor *ids = &call->in[call->n_in - 1];

    matrices_put(c, call, call->n_in - 2);
    param_put(c, "experts", call->in[1].ne[2]);
    param_put(c, "used", ids->ne[0]);
    param_put(c, "n", ids->ne[1]);
    param_put(c, "shared", call->in[0].ne[1] == 1);
}

static void attention_put(struct problem_case *c, const struct kernel_call *call)
{
    param_put(c, "type", call->in[1].type);
    param_put(c, "head_dim", call->in[0].ne[0]);
    param_put(c, "heads", call->in[0].ne[1]);
    param_put(c, "kv_heads", call->in[1].ne[2]);
    param_put(c, "n", call->in[0].ne[2]);
    param_put(c, "causal", call->i[KERNEL_I_CAUSAL]);
    if (call->i[KERNEL_I_WINDOW])
        param_put(c, "window", call->i[KERNEL_I_WINDOW]);
    if (call->f[KERNEL_F_SOFTCAP] > 0)
        param_put(c, "softcap", (int64_t)call->f[KERNEL_F_SOFTCAP]);
}

static void rope_put(struct problem_case *c, const struct kernel_call *call)
{
    param_put(c, "k", call->in[0].ne[0]);
    param_put(c, "heads", call->in[0].ne[1]);
    param_put(c, "n", call->in[0].ne[2]);
    param_put(c, "pairs", call->in[1].ne[0] / 2);
    param_put(c, "style", call->i[KERNEL_I_STYLE]);
}

/* Operations on the rows of x: [k, n]. */
static void rows_put(struct problem_case *c, const struct kernel_call *call)
{
    param_put(c, "k", call->in[0].ne[0]);
    param_put(c, "n", call->op == KERNEL_MIX ? call->in[0].ne[2] : extent_from(&call->in[0], 1));
    switch (call->op) {
    case KERNEL_LAYER_NORM:
        param_put(c, "bias", call->n_in == 3);
        break;
    case KERNEL_GLU:
        param_put(c, "act", call->i[KERNEL_I_ACT]);
        param_put(c, "single", call->n_in == 1);
        break;
    case KERNEL_ADD:
        param_put(c, "broadcast", extent_from(&call->in[1], 1) < extent_from(&call->in[0], 1));
        break;
    case KERNEL_TOP_K:
        param_put(c, "used", call->out[0].ne[0]);
        param_put(c, "normalize", call->i[KERNEL_I_NORMALIZE]);
        break;
    case KERNEL_MIX:
        param_put(c, "used", call->in[0].ne[1]);
        break;
    default:
        break;
    }
}

static void case_of(const struct kernel_call *call, struct problem_case *c)
{
    const struct kernel_tensor *in = call->in;

    *c = (struct problem_case){.op = call->op == KERNEL_KV_STORE ? "kv" : team_op_name(call->op)};
    switch (call->op) {
    case KERNEL_GEMV:
    case KERNEL_GEMM:
        matrices_put(c, call, call->n_in - 1);
        param_put(c, "n", in[0].ne[1]);
        break;
    case KERNEL_GEMM_IDS:
        experts_put(c, call);
        break;
    case KERNEL_GET_ROWS:
        param_put(c, "type", in[0].type);
        param_put(c, "m", in[0].ne[1]);
        param_put(c, "k", in[0].ne[0]);
        param_put(c, "n", in[1].ne[0]);
        break;
    case KERNEL_QUANTIZE:
        param_put(c, "type", call->out[0].type);
        param_put(c, "k", in[0].ne[0]);
        param_put(c, "n", extent_from(&in[0], 1));
        break;
    case KERNEL_KV_STORE:
        param_put(c, "type", call->out[0].type);
        param_put(c, "head_dim", in[0].ne[0]);
        param_put(c, "kv_heads", in[0].ne[1]);
        param_put(c, "n", in[0].ne[2]);
        break;
    case KERNEL_ATTENTION:
        attention_put(c, call);
        break;
    case KERNEL_ROPE:
        rope_put(c, call);
        break;
    default:
        rows_put(c, call);
    }
}

/* Keys are string literals of this file, but equal ones need not be one. */
static bool same_case(const struct problem_case *a, const struct problem_case *b)
{
    if (strcmp(a->op, b->op) != 0)
        return false;
    for (int i = 0; i < PROBLEM_MAX_PARAMS; i++) {
        const struct problem_param *p = &a->params[i], *q = &b->params[i];

        if (!p->key || !q->key)
            return !p->key && !q->key;
        if (p->value != q->value || strcmp(p->key, q->key) != 0)
            return false;
    }
    return true;
}

int workload_add(struct workload *w, const struct kernel_call *c, uint64_t ns)
{
    struct problem_case shape;
    size_t i = 0;

    case_of(c, &shape);
    while (i < w->n && !same_case(&w->at[i].c, &shape))
        i++;
    if (i == w->n) {
        if (w->n == w->capacity) {
            size_t capacity = w->capacity ? 2 * w->capacity : 64;
            struct workload_entry *grown = realloc(w->at, capacity * sizeof *grown);

            if (!grown)
                return err_set(ERR_NOMEM, "no memory for %zu shapes", capacity);
            w->at = grown;
            w->capacity = capacity;
        }
        w->at[w->n++] = (struct workload_entry){.c = shape};
    }
    w->at[i].ns += ns;
    w->at[i].calls++;
    if (c->op == KERNEL_ATTENTION)
        w->at[i].n_kv_sum += (double)c->i[KERNEL_I_N_KV];
    w->total_ns += (double)ns;
    return 0;
}

/* --- the finished workload --- */

static void name_append(char name[96], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void name_append(char name[96], const char *fmt, ...)
{
    size_t len = strlen(name);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(name + len, 96 - len, fmt, ap);
    va_end(ap);
}

/* "gemm-q4_k-768+768x2048-n64", as the sealed cases are named. */
static void entry_name(struct workload_entry *e)
{
    static const struct {
        const char *key, *before;
    } parts[] = {{"head_dim", "-h"}, {"m", "-"},     {"m2", "+"},       {"m3", "+"},
                 {"k", "-k"},        {"heads", "-"}, {"kv_heads", "x"}, {"experts", "-e"},
                 {"used", "-u"},     {"n", "-n"},    {"n_kv", "-kv"},   {"window", "-w"}};
    const struct problem_case *c = &e->c;
    const struct format *f = format_find((uint32_t)problem_param(c, "type", -1));

    snprintf(e->name, sizeof e->name, "%s", c->op);
    if (f) {
        size_t from = strlen(e->name);

        name_append(e->name, "-%s", f->name);
        for (char *at = e->name + from; *at; at++)
            *at = (char)tolower((unsigned char)*at);
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int64_t v = problem_param(c, parts[i].key, 0);
        bool depth = !strcmp(parts[i].key, "k") && problem_param(c, "m", 0);

        if (v && (v > 1 || strcmp(parts[i].key, "n") != 0))
            name_append(e->name, "%s%lld", depth ? "x" : parts[i].before, (long long)v);
    }
}

static int by_falling_share(const void *a, const void *b)
{
    const struct workload_entry *x = a, *y = b;

    return x->ns != y->ns ? (x->ns < y->ns) - (x->ns > y->ns) : strcmp(x->name, y->name);
}

void workload_finish(struct workload *w, uint32_t n_threads)
{
    for (size_t i = 0; i < w->n; i++) {
        struct workload_entry *e = &w->at[i];

        if (e->n_kv_sum > 0)
            param_put(&e->c, "n_kv", (int64_t)rint(e->n_kv_sum / (double)e->calls));
        e->c.weight = w->total_ns > 0 ? (double)e->ns / w->total_ns : 0;
        e->c.n_threads = n_threads;
        entry_name(e);
    }
    qsort(w->at, w->n, sizeof *w->at, by_falling_share);
    for (size_t i = 0; i < w->n; i++)
        w->at[i].c.name = w->at[i].name;
}

size_t workload_n(const struct workload *w)
{
    return w->n;
}

const struct workload_entry *workload_at(const struct workload *w, size_t i)
{
    return &w->at[i];
}

double workload_total_ns(const struct workload *w)
{
    return w->total_ns;
}

double workload_op_share(const struct workload *w, const char *op)
{
    double share = 0;

    for (size_t i = 0; i < w->n; i++)
        if (!strcmp(w->at[i].c.op, op))
            share += w->at[i].c.weight;
    return share;
}

static double case_distance(const struct problem_case *a, const struct problem_case *b)
{
    static const char *const keys[] = {"m", "k", "n", "n_kv", "head_dim", "heads", "kv_heads"};
    double d = problem_param(a, "type", 0) == problem_param(b, "type", 0) ? 0 : 1000;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        double x = (double)problem_param(a, keys[i], 1), y = (double)problem_param(b, keys[i], 1);

        d += x > 0 && y > 0 ? fabs(log2(x / y)) : 0;
    }
    return d +
           fabs((double)a->n_threads - (double)b->n_threads) / 1000; /* decides between equals */
}

const struct problem_case *workload_nearest(const struct problem *p, const struct problem_case *c)
{
    const struct problem_case *best = NULL;

    for (size_t i = 0; i < p->n_cases; i++) {
        const struct problem_case *at = &p->cases[i];

        if (at->weight > 0 && !strcmp(at->op, c->op) &&
            (!best || case_distance(at, c) < case_distance(best, c)))
            best = at;
    }
    return best;
}
