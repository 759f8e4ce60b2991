/* SPDX-License-Identifier: Apache-2.0
 *
 * random_blocks.h: weights of any type that are random bits: every code and every scale a format can
 * hold occurs, which an encoder would not give. For tests and benchmarks. */
#ifndef PAWL_TESTS_ENGINE_RANDOM_BLOCKS_H
#define PAWL_TESTS_ENGINE_RANDOM_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/* n blocks of `type` (enum kernel_type; plain numbers are blocks of one) whose weights have mean 0
 * and standard deviation `sigma`. The same blocks for the same seed. Error: ERR_UNSUPPORTED for a
 * type without weights. */
int random_blocks_fill(uint64_t seed, uint32_t type, double sigma, void *blocks, size_t n);

#endif
