/* SPDX-License-Identifier: Apache-2.0
 *
 * rng.h: a small seeded generator (xoshiro256**, Blackman and Vigna 2018, seeded by splitmix64),
 * the same sequence on every machine. For test inputs and experiment plans, not for secrets; what
 * nobody may guess takes its seed from rng_seed_system. */
#ifndef PAWL_RNG_H
#define PAWL_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);

/* Uniform in 0..n-1, without bias; n >= 1. */
uint64_t rng_below(struct rng *r, uint64_t n);

/* Uniform in [0, 1). */
double rng_uniform(struct rng *r);

/* Standard normal (Box-Muller). */
double rng_normal(struct rng *r);

/* 64 bits from the system's randomness (getrandom). Aborts when the system has none. */
uint64_t rng_seed_system(void);

/* A well-mixed seed for stream `index` of `seed`. */
uint64_t rng_seed_mix(uint64_t seed, uint64_t index);

#endif
