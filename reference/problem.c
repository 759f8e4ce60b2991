/* SPDX-License-Identifier: Apache-2.0
 *
 * problem.c: the three sealed symbols, as a table over operator families. */
#include "reference/problem.h"

#include "reference/base/err.h"
#include "reference/operators.h"

#include <string.h>

struct family {
    const char *op; /* problem_case.op */
    problem__generate_fn *generate;
    problem__expect_fn *expect;
    problem__work_fn *work;
    problem__pool_fn *pool;
};

#define FAMILY(op, name)                                                                           \
    {                                                                                              \
        op, problem__##name##_generate, problem__##name##_expect, problem__##name##_work,          \
            problem__##name##_pool                                                                 \
    }

/* Row operations whose results are places. */
#define RANKS(op)                                                                                  \
    {                                                                                              \
        op, problem__rows_generate, problem__rank_expect, problem__rows_work, problem__rows_pool   \
    }

static const struct family families[] = {
    FAMILY("gemv", matmul),
    FAMILY("gemm", matmul),
    FAMILY("get_rows", get_rows),
    FAMILY("gemm_ids", gemm_ids),
    FAMILY("quantize", quantize),
    FAMILY("kv", kv),
    FAMILY("attention", attention),
    FAMILY("rms_norm", rows),
    FAMILY("layer_norm", rows),
    FAMILY("rope", rows),
    FAMILY("glu", rows),
    FAMILY("softmax", rows),
    FAMILY("add", rows),
    FAMILY("mix", rows),
    RANKS("argmax"),
    RANKS("top_k"),
};

static const struct family *family_find(const struct problem_case *c)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (!strcmp(c->op, families[i].op))
            return &families[i];
    err_set(ERR_USAGE, "case %s: unknown operation %s", c->name, c->op);
    return NULL;
}

int64_t problem_param(const struct problem_case *c, const char *key, int64_t fallback)
{
    for (size_t i = 0; i < PROBLEM_MAX_PARAMS && c->params[i].key; i++)
        if (!strcmp(c->params[i].key, key))
            return c->params[i].value;
    return fallback;
}

bool problem_in_focus(const struct problem_case *c, const char *focus)
{
    return strcmp(c->op, focus) == 0 || strcmp(c->name, focus) == 0;
}

const char *problem_pattern_name(enum problem_pattern p)
{
    static const char *const names[PROBLEM_N_PATTERNS] = {
        "random", "zeros", "extreme", "tiny", "cancel", "outlier", "probe", "nonfinite"};

    return (unsigned)p < PROBLEM_N_PATTERNS ? names[p] : "unknown";
}

/* Every case has a stream of its own (FNV-1a of its name). */
static uint64_t case_stream(const struct problem_case *c, enum problem_pattern pattern)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (const char *s = c->name; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h + (uint64_t)pattern;
}

int generate_inputs(const struct problem_case *c, uint64_t seed, enum problem_pattern pattern,
                    struct problem_instance *out)
{
    const struct family *f = family_find(c);
    struct rng r;
    int status;

    memset(out, 0, sizeof *out);
    if (!f)
        return err_code();
    if ((unsigned)pattern >= PROBLEM_N_PATTERNS)
        return err_set(ERR_USAGE, "case %s: no input pattern %d", c->name, (int)pattern);
    out->c = c;
    out->seed = seed;
    out->pattern = pattern;
    rng_init(&r, rng_seed_mix(seed, case_stream(c, pattern)));
    status = f->generate(out, &r);
    if (status < 0)
        problem_instance_deinit(out);
    return status;
}

size_t problem_output_element_bytes(const struct problem_instance *in, uint32_t buffer)
{
    return format_find(in->buffers[buffer].tensor.type)->bytes;
}

size_t problem_output_count(const struct problem_instance *in, uint32_t buffer)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;

    return (size_t)(t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]) / format_find(t->type)->elements;
}

int reference_fn(struct problem_instance *in, uint32_t buffer, size_t first, size_t count,
                 struct problem_expect *out)
{
    const struct family *f = family_find(in->c);
    struct problem__range range = {buffer, first, count};
    size_t total;

    if (!f)
        return err_code();
    if (buffer >= in->n_buffers || in->buffers[buffer].role != PROBLEM_OUTPUT)
        return err_set(ERR_USAGE, "case %s: buffer %u is no output", in->c->name, buffer);
    total = problem_output_count(in, buffer);
    if (first > total || count > total - first)
        return err_set(ERR_USAGE, "case %s: elements %zu..%zu of %zu", in->c->name, first,
                       first + count, total);
    out->exact = false;
    out->rms_limit = 0.0;
    out->nmse_limit = 0.0;
    if (count == 0)
        return 0;
    memset(out->bound, 0, count * sizeof *out->bound);
    return f->expect(in, &range, out);
}

int compute_flops(const struct problem_case *c, struct problem_work *out)
{
    const struct family *f = family_find(c);

    memset(out, 0, sizeof *out);
    return f ? f->work(c, out) : err_code();
}

size_t problem_instance_pool_bytes(const struct problem_case *c)
{
    const struct family *f = family_find(c);

    return f ? f->pool(c) : 0;
}
