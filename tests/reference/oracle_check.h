/* SPDX-License-Identifier: Apache-2.0
 *
 * oracle_check.h: what the tests of reference/ share: one output of an instance with everything the
 * oracle says about it, and the comparison a judge would make. Failures abort the test. */
#ifndef PAWL_TEST_ORACLE_CHECK_H
#define PAWL_TEST_ORACLE_CHECK_H

#include "reference/problem.h"

#include <stdbool.h>
#include <stddef.h>

struct oracle_output {
    size_t count, element_bytes;
    double *want, *bound, *unit;
    struct problem_expect expect;
};

struct oracle_verdict {
    bool accepted;
    double worst_share; /* largest |got - want| / bound; for exact outputs wrong elements */
    size_t worst_index;
    double rms; /* of |got - want| / unit */
    double nmse;
};

/* The shipped case of that name; aborts when there is none. */
const struct problem_case *oracle_case(const char *name);

/* generate_inputs that must succeed. */
void oracle_generate(const struct problem_case *c, uint64_t seed, enum problem_pattern pattern,
                     struct problem_instance *out);

/* The whole output; the caller closes it. */
void oracle_output_open(struct problem_instance *in, uint32_t buffer, struct oracle_output *out);
void oracle_output_close(struct oracle_output *o);

/* Compare got (f32 [count], or bytes when exact) as the judge does. */
struct oracle_verdict oracle_output_compare(const struct oracle_output *o, const void *got);

/* Expected values rounded to f32: the best output there can be. got: [count]. */
void oracle_output_values(const struct oracle_output *o, float *got);

/* First output buffer of the instance. */
uint32_t oracle_output_buffer(const struct problem_instance *in);

#endif
