/* SPDX-License-Identifier: Apache-2.0
 *
 * operator.h: what the sealed side of a problem is written with; nobody but reference/ includes it.
 * A problem defines problem_shipped (problem.h): its cases, and for each operation a problem_operator
 * that builds instances, says what outputs must be, and counts the work. The seven symbols' sealed
 * three, drawing and varying, patterns and instances are the same for every problem and live here. */
#ifndef PAWL_OPERATOR_H
#define PAWL_OPERATOR_H

#include "reference/base/rng.h"
#include "reference/problem.h"

#include <math.h>

/* A flat range [first, first + count) of one output buffer. */
struct problem_range {
    uint32_t buffer;
    size_t first, count;
};

struct problem_operator {
    const char *op; /* problem_case.op */
    /* Declare every buffer, allocate once, fill the inputs as in->pattern says, append the steps.
     * in->c, seed and pattern are set. Error: ERR_NOMEM, ERR_USAGE (bad params). */
    int (*generate)(struct problem_instance *in, struct rng *r);
    /* reference_fn of a range that is not empty and lies in the output; bounds come zeroed. */
    int (*expect)(struct problem_instance *in, const struct problem_range *range,
                  struct problem_expect *out);
    int (*work)(const struct problem_case *c, struct problem_work *out); /* compute_flops */
    size_t (*pool)(const struct problem_case *c); /* problem_instance_pool_bytes */
};

/* All patterns, for problem_case.patterns. */
#define PROBLEM_ALL ((1u << PROBLEM_N_PATTERNS) - 1)

/* --- instance.c: buffers and steps --- */

/* A contiguous tensor of `type`, ne0 x ne1 x ne2; returns its index. ne0 is in values. `name` must
 * outlive the instance. */
uint32_t problem_buffer_add(struct problem_instance *in, const char *name, enum problem_role role,
                            uint32_t type, int64_t ne0, int64_t ne1, int64_t ne2);

/* Widen the column stride nb[1] of an input by `pad` bytes (before allocation). */
void problem_buffer_pad(struct problem_instance *in, uint32_t buffer, size_t pad);

/* The packed twin of plain weights `w`, of one matrix or one for each expert; opaque. */
uint32_t problem_packed_add(struct problem_instance *in, const char *name, uint32_t w);

/* A buffer of which nothing but name and role is set. */
struct problem_buffer *problem_buffer_next(struct problem_instance *in, const char *name,
                                           enum problem_role role);

/* Give every input its 64-byte aligned piece of one block. Error: ERR_NOMEM. */
int problem_instance_allocate(struct problem_instance *in);

/* op: enum kernel_op, or a number of the problem's own from KERNEL_OWN_OPS on. */
struct problem_step *problem_step_add(struct problem_instance *in, uint32_t op);
void problem_step_in(struct problem_step *s, uint32_t buffer);
void problem_step_out(struct problem_step *s, uint32_t buffer);

/* First byte of row `row` (index over ne[1] x ne[2]) of an input. */
void *problem_row(const struct problem_instance *in, uint32_t buffer, size_t row);

/* The last step: the one that is checked. */
const struct problem_step *problem_last_step(const struct problem_instance *in);

/* --- patterns.c: values --- */

/* Bell-shaped (sum of four uniforms), variance 1, |x| < 3.5; integer arithmetic and one product, so
 * the same on every machine, which libm's log and cos are not. */
float problem_normal(struct rng *r);

/* Activations x[0..n) that follow `p`; CANCEL and ZEROS work in chunks of `chunk` values. */
void problem_fill(struct rng *r, enum problem_pattern p, float *x, size_t n, size_t chunk);

/* Every row of an f32 input. */
void problem_fill_rows(struct problem_instance *in, struct rng *r, uint32_t buffer,
                       enum problem_pattern p);

/* PROBLEM_NONFINITE: NaN and infinities among the values of some rows of an activation input (f32
 * rows, or the scales of activation blocks); at least one row is hit, and when there are several at
 * least one is spared. */
void problem_spoil_rows(struct problem_instance *in, struct rng *r, uint32_t buffer);

/* Is there one of them among values [first, first + n) of a row (whole blocks)? */
bool problem_row_spoiled(const struct problem_instance *in, uint32_t buffer, size_t row,
                         size_t first, size_t n);

/* --- rows.c: oracles of f32 outputs, row by row --- */

/* Spacing of f32 numbers at magnitude s >= 0: 2^(floor(log2 s) - 23), at least 2^-149. */
double problem_ulp(double s);

/* A stretch of one output row; want, bound and unit point at element `lo`. */
struct problem_span {
    const struct problem_instance *in;
    const struct problem_step *step; /* the last one */
    size_t k, row;                   /* elements of a row; its index over ne[1] x ne[2] */
    size_t lo, hi;                   /* elements asked for */
    double *want, *bound, *unit;
};

/* Call `fill` for each stretch of a range: it expects something of every element lo..hi-1. */
void problem_rows_expect(struct problem_instance *in, const struct problem_range *range,
                         struct problem_expect *out, void (*fill)(struct problem_span *s));

/* Row `row` of the last step's input `index`. */
const float *problem_operand(const struct problem_span *s, uint32_t index, size_t row);

/* Element j of the stretch: within `bound` of `want`, errors told in ulp(magnitude). */
void problem_expect_near(struct problem_span *s, size_t j, double want, double magnitude,
                         double bound);

/* ... or anything: it depends on a value that is no number. */
void problem_expect_any(struct problem_span *s, size_t j);
void problem_expect_anything(struct problem_expect *out, size_t i); /* element i of the range */

#endif
