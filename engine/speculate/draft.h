/* SPDX-License-Identifier: Apache-2.0
 *
 * draft.h: guesses from a small model with the same vocabulary. It follows the target's text on a
 * session of its own and writes a few tokens on; each drawn guess comes with the distribution it was
 * drawn from, which acceptance.h needs. Only the engine includes this. */
#ifndef PAWL_DRAFT_H
#define PAWL_DRAFT_H

#include "engine/engine.h"
#include "engine/sample/sampler.h"

struct guess {
    int32_t id;
    const struct sampler_candidate *q; /* what id was drawn from; NULL: nothing was drawn */
    size_t n_q;
};

struct draft;

/* Guess with `model` for `target` (both borrowed), at most n_max tokens at a time. temperature 0:
 * the likeliest tokens; else drawn at it from the 64 likeliest, `seed` says how.
 * Errors: ERR_USAGE naming the first difference of the vocabularies; those of a session. */
int draft_open(struct engine_model *model, const struct engine_model *target, double temperature,
               uint64_t seed, size_t n_max, struct draft **out);
void draft_close(struct draft **d);

/* Guess n tokens after ids[0..n_ids), n <= n_max; fewer, or none, where the draft's context ends.
 * q of each guess is borrowed until the next call. Errors: those of engine_session_eval. */
int draft_guess(struct draft *d, const int32_t *ids, size_t n_ids, size_t n, struct guess *out,
                size_t *n_out);

#endif
