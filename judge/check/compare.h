/* SPDX-License-Identifier: Apache-2.0
 *
 * compare.h: a kernel's output against the oracle. Expected values of a range are computed once
 * (compare_expect_init) and then held against as many outputs as wanted. Inside judge/ only. */
#ifndef PAWL_COMPARE_H
#define PAWL_COMPARE_H

#include "judge/judge.h"
#include "reference/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct compare_expect {
    const struct problem_buffer *buffer; /* of the instance, which must outlive this */
    size_t first, count, element_bytes;
    size_t total; /* elements of the output; count == total: the limits on whole outputs apply */
    struct problem_expect expect;
};

/* Worst over everything that was compared; start from zeros. Units are ulp(S), at most
 * 1e30; max_bound_share is at most 1e6: always finite. */
struct compare_stats {
    double max_units, p99_units, rms_units, max_bound_share;
};

/* Ask the oracle for elements first .. first+count-1 of OUTPUT buffer `buffer`; count 0 means all.
 * Error: as reference_fn. The caller calls compare_expect_deinit. */
int compare_expect_init(struct problem_instance *in, uint32_t buffer, size_t first, size_t count,
                        struct compare_expect *out);
void compare_expect_deinit(struct compare_expect *e);

/* Hold the range against the output whose element 0 is at `got` (strides as in the buffer's
 * tensor). `sentinel` is the word that filled the output before. True when it agrees; else message
 * (`room` bytes) tells where and by how much it does not. Statistics are only kept for inexact
 * outputs. */
bool compare_check(const struct compare_expect *e, const unsigned char *got, uint32_t sentinel,
                   struct compare_stats *stats, char *message, size_t room);

/* Index of the element that is furthest past its bound, or wrong in its class; for exact outputs
 * the first that differs. */
size_t compare_worst(const struct compare_expect *e, const unsigned char *got);

/* The neighbours of element `index`: the buffer's name, plane and cells of *out. The expectation
 * must cover the whole output. */
void compare_region(const struct compare_expect *e, const unsigned char *got, size_t index,
                    struct judge_check_region *out);

/* Byte offset of element (or block) `index` of a plain tensor whose elements have element_bytes. */
size_t compare_element_offset(const struct kernel_tensor *t, size_t element_bytes, size_t index,
                              size_t n_elements);

/* A drawn 32-bit word that no result should equal: a quiet NaN with a random payload. */
uint32_t compare_sentinel(uint64_t seed);
void compare_sentinel_fill(unsigned char *to, size_t bytes, uint32_t sentinel);
bool compare_sentinel_intact(const unsigned char *at, size_t bytes, size_t phase,
                             uint32_t sentinel);

#endif
