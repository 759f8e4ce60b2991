/* SPDX-License-Identifier: Apache-2.0
 *
 * sampling.h: samplers with everything off but for what a test is about. Tests of engine/ only. */
#ifndef PAWL_TESTS_ENGINE_SAMPLING_H
#define PAWL_TESTS_ENGINE_SAMPLING_H

#include "engine/sample/sampler.h"
#include "reference/base/err.h"

#include <criterion/criterion.h>

/* What is off comes first and is written over: OPTIONS(.top_k = 2). */
#pragma GCC diagnostic ignored "-Woverride-init"
#define OPTIONS(...)                                                                               \
    (struct sampler_options)                                                                       \
    {                                                                                              \
        .temperature = 1, .top_p = 1, .typical_p = 1, .tail_free = 1, .dynamic_exponent = 1,       \
        .repeat_penalty = 1, .dry_base = 1, __VA_ARGS__                                            \
    }

static inline struct sampler *sampler_of(const struct sampler_options *o, int32_t n_vocab,
                                         const struct vocabulary *v)
{
    struct sampler *s = NULL;

    cr_assert_eq(sampler_open(o, n_vocab, v, &s), 0, "%s", err_message());
    return s;
}

static inline int32_t sampler_picked(struct sampler *s, const float *logits)
{
    int32_t id = -1;

    cr_assert_eq(sampler_pick(s, logits, &id), 0, "%s", err_message());
    return id;
}

#endif
