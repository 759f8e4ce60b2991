/* SPDX-License-Identifier: Apache-2.0
 *
 * problem.c: the three sealed symbols, for whatever operators problem_shipped names. */
#include "reference/problem/operator.h"

#include "reference/base/err.h"
#include "reference/base/formats.h"

#include <math.h>
#include <string.h>

static const struct problem_operator *operator_find(const struct problem_case *c)
{
    for (size_t i = 0; i < problem_shipped.n_operators; i++)
        if (!strcmp(c->op, problem_shipped.operators[i].op))
            return &problem_shipped.operators[i];
    err_set(ERR_USAGE, "case %s: unknown operation %s", c->name, c->op);
    return NULL;
}

static int case_verify(const struct problem_case *c)
{
    for (const struct problem_case *before = problem_shipped.cases; before < c; before++)
        if (!strcmp(before->name, c->name))
            return err_set(ERR_USAGE, "two cases are called %s: give each a name of its own",
                           c->name);
    if (!operator_find(c))
        return err_code();
    if (!(c->weight >= 0.0) || c->n_threads < 1)
        return err_set(ERR_USAGE, "case %s: weight must be at least 0, n_threads at least 1",
                       c->name);
    if (!(c->patterns & 1u << PROBLEM_RANDOM) || c->patterns > PROBLEM_ALL)
        return err_set(ERR_USAGE, "case %s: patterns must have PROBLEM_RANDOM and no unknown one",
                       c->name);
    return 0;
}

int problem_verify(void)
{
    double sum = 0.0;

    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        TRY(case_verify(&problem_shipped.cases[i]));
        sum += problem_shipped.cases[i].weight;
    }
    if (fabs(sum - 1.0) > 1e-9)
        return err_set(ERR_USAGE, "the weights of the cases sum to %g: they are shares of 1", sum);
    return 0;
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
    const struct problem_operator *o = operator_find(c);
    struct rng r;
    int status;

    memset(out, 0, sizeof *out);
    if (!o)
        return err_code();
    if ((unsigned)pattern >= PROBLEM_N_PATTERNS)
        return err_set(ERR_USAGE, "case %s: no input pattern %d", c->name, (int)pattern);
    out->c = c;
    out->seed = seed;
    out->pattern = pattern;
    rng_init(&r, rng_seed_mix(seed, case_stream(c, pattern)));
    status = o->generate(out, &r);
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
    const struct problem_operator *o = operator_find(in->c);
    struct problem_range range = {buffer, first, count};
    size_t total;

    if (!o)
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
    return o->expect(in, &range, out);
}

int compute_flops(const struct problem_case *c, struct problem_work *out)
{
    const struct problem_operator *o = operator_find(c);

    memset(out, 0, sizeof *out);
    return o ? o->work(c, out) : err_code();
}

size_t problem_instance_pool_bytes(const struct problem_case *c)
{
    const struct problem_operator *o = operator_find(c);

    return o ? o->pool(c) : 0;
}
