/* SPDX-License-Identifier: Apache-2.0
 *
 * twin.h: an honest kernel in plain sequential f32 C, straight from the sentences of kernel.h,
 * written without reference/formats.c. Its results must pass every tolerance. Tests of reference/
 * only. */
#ifndef PAWL_TEST_TWIN_H
#define PAWL_TEST_TWIN_H

#include "reference/problem.h"

/* Compute the whole output `buffer` of an instance into out (dense, as problem_output_count says).
 * False for operations the twin does not know: exact ones other than quantize and argmax. */
bool twin_run(const struct problem_instance *in, uint32_t buffer, void *out);

/* When set, the softmax weights of attention pass through it: a twin that is less than honest. */
extern float (*twin_weight_rounding)(float);

/* Not negative: attention leaves out this page of the sequence. */
extern int64_t twin_skipped_page;

#endif
