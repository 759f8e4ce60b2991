/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/speculate/acceptance.h"

static double probability(const struct sampler_candidate *c, size_t n, int32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (c[i].id == id)
            return c[i].p;
    return 0;
}

static double excess(const struct sampler_candidate *p, const struct sampler_candidate *q,
                     size_t n_q)
{
    double e = p->p - probability(q, n_q, p->id);

    return e > 0 ? e : 0;
}

int32_t acceptance_draw(const struct sampler_candidate *p, size_t n_p, struct rng *rng)
{
    double r = rng_uniform(rng), held = 0;

    for (size_t i = 0; i + 1 < n_p; i++) {
        held += p[i].p;
        if (r < held)
            return p[i].id;
    }
    return p[n_p - 1].id;
}

/* From max(0, p - q). A guess that was refused has p < q, so something else has p > q; the last
 * such token answers for what rounding leaves over. */
static int32_t draw_excess(const struct sampler_candidate *p, size_t n_p,
                           const struct sampler_candidate *q, size_t n_q, struct rng *rng)
{
    double sum = 0, r, held = 0;
    int32_t id = p[0].id;

    for (size_t i = 0; i < n_p; i++)
        sum += excess(&p[i], q, n_q);
    r = rng_uniform(rng) * sum;
    for (size_t i = 0; i < n_p; i++) {
        double e = excess(&p[i], q, n_q);

        if (e > 0)
            id = p[i].id;
        held += e;
        if (r < held)
            break;
    }
    return id;
}

int32_t acceptance_pick(const struct sampler_candidate *p, size_t n_p,
                        const struct sampler_candidate *q, size_t n_q, int32_t guess,
                        struct rng *rng)
{
    double p_guess = probability(p, n_p, guess), q_guess = probability(q, n_q, guess);

    if (rng_uniform(rng) * q_guess < p_guess)
        return guess;
    return draw_excess(p, n_p, q, n_q, rng);
}
