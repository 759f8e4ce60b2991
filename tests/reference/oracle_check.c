/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/reference/oracle_check.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct problem_case *oracle_case(const char *name)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (!strcmp(problem_shipped.cases[i].name, name))
            return &problem_shipped.cases[i];
    cr_assert_fail("no case is called %s", name);
    return NULL;
}

void oracle_generate(const struct problem_case *c, uint64_t seed, enum problem_pattern pattern,
                     struct problem_instance *out)
{
    cr_assert_eq(generate_inputs(c, seed, pattern, out), 0, "%s", err_message());
}

void oracle_output_open(struct problem_instance *in, uint32_t buffer, struct oracle_output *o)
{
    memset(o, 0, sizeof *o);
    o->count = problem_output_count(in, buffer);
    o->element_bytes = problem_output_element_bytes(in, buffer);
    o->want = malloc(3 * o->count * sizeof(double));
    o->bound = o->want + o->count;
    o->unit = o->bound + o->count;
    o->expect.bytes = malloc(o->count * o->element_bytes);
    o->expect.want = o->want;
    o->expect.bound = o->bound;
    o->expect.unit = o->unit;
    cr_assert(o->want && o->expect.bytes);
    cr_assert_eq(reference_fn(in, buffer, 0, o->count, &o->expect), 0, "%s", err_message());
}

void oracle_output_close(struct oracle_output *o)
{
    free(o->want);
    free(o->expect.bytes);
}

static struct oracle_verdict compare_exact(const struct oracle_output *o, const unsigned char *got)
{
    struct oracle_verdict v = {.accepted = true};

    for (size_t i = 0; i < o->count; i++) {
        if (isinf(o->bound[i]) || !memcmp(got + i * o->element_bytes,
                                          o->expect.bytes + i * o->element_bytes, o->element_bytes))
            continue;
        v.accepted = false;
        v.worst_index = i;
        v.worst_share += 1.0;
    }
    return v;
}

struct oracle_verdict oracle_output_compare(const struct oracle_output *o, const void *got)
{
    struct oracle_verdict v = {.accepted = true};
    const float *y = got;
    double squares = 0.0, error = 0.0, norm = 0.0;

    if (o->expect.exact)
        return compare_exact(o, got);
    for (size_t i = 0; i < o->count; i++) {
        double e = fabs(y[i] - o->want[i]);
        double share = e == 0.0 ? 0.0 : e / o->bound[i];
        if (isinf(o->bound[i]))
            continue;
        if (!isfinite(y[i]) || !(e <= o->bound[i]))
            v.accepted = false;
        if (!(share <= v.worst_share)) {
            v.worst_share = share;
            v.worst_index = i;
        }
        squares += e / o->unit[i] * (e / o->unit[i]);
        error += e * e;
        norm += o->want[i] * o->want[i];
    }
    v.rms = sqrt(squares / (double)o->count);
    v.nmse = norm > 0.0 ? error / norm : 0.0;
    if (o->expect.rms_limit > 0.0 && !(v.rms <= o->expect.rms_limit))
        v.accepted = false;
    if (o->expect.nmse_limit > 0.0 && !(v.nmse <= o->expect.nmse_limit))
        v.accepted = false;
    return v;
}

void oracle_output_values(const struct oracle_output *o, float *got)
{
    cr_assert(!o->expect.exact);
    for (size_t i = 0; i < o->count; i++)
        got[i] = (float)o->want[i];
}

uint32_t oracle_output_buffer(const struct problem_instance *in)
{
    for (uint32_t i = 0; i < in->n_buffers; i++)
        if (in->buffers[i].role == PROBLEM_OUTPUT)
            return i;
    cr_assert_fail("%s has no output", in->c->name);
    return 0;
}
