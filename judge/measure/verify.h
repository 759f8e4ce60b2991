/* SPDX-License-Identifier: Apache-2.0
 *
 * verify.h: timed calls are checked calls. After each slice drawn elements of drawn requests, the
 * last of the slice always among them, are held against the oracle, and now and then a whole
 * output, as far as the oracle can afford it. Inside judge/ only. */
#ifndef PAWL_VERIFY_H
#define PAWL_VERIFY_H

#include "judge/measure/batch.h"

enum {
    VERIFY_REQUESTS = 8, /* of a slice that are looked at, when the oracle is quick */
    VERIFY_LEAST = 2,    /* and always: the last one and a drawn one */
    VERIFY_ELEMENTS = 2, /* of each of them */
    VERIFY_WHOLE = 16,   /* one slice in so many has a whole output verified */
};

/* Requests of a slice that the oracle can look at in about a millisecond,
 * VERIFY_LEAST..VERIFY_REQUESTS.
 * Error: what the oracle returns. */
int verify_affordable(const struct pool_case *c, uint32_t *looks);

/* Hold what the seat's worker left in its outputs against the oracle; adds the number of elements
 * to *n_verified. A wrong or missing one is a fault. Error: what the oracle returns. */
int verify_batch(const struct batch *b, const struct seat *s, uint32_t looks, struct rng *r,
                 uint32_t *n_verified, struct judge_fault *fault);

#endif
