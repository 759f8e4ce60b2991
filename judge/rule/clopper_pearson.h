/* SPDX-License-Identifier: Apache-2.0
 *
 * clopper_pearson.h: exact bounds of a probability after `k` of `n` trials (Clopper and Pearson
 * 1934), one-sided. */
#ifndef PAWL_CLOPPER_PEARSON_H
#define PAWL_CLOPPER_PEARSON_H

#include <stdint.h>

/* The largest p under which k or fewer of n have a probability >= 1 - level; level is 0.95, say.
 * k <= n; n 0 gives 1. */
double clopper_pearson_upper(uint64_t k, uint64_t n, double level);

/* The smallest p under which k or more of n have a probability >= 1 - level; 0 for k = 0. */
double clopper_pearson_lower(uint64_t k, uint64_t n, double level);

#endif
