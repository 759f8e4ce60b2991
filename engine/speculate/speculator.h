/* SPDX-License-Identifier: Apache-2.0
 *
 * speculator.h: generation by guess and verification. Guesses of the next few tokens come from a
 * draft model or from the text itself; the target computes the logits after each of them in one
 * small batch, which costs little more than one token, and as many guesses stand as the target would
 * have said itself. The output is the target's own:
 *   - Guesses that were not drawn (looked up, or the draft's likeliest at temperature 0): the sampler
 *     chooses at each position as it always does and the guess is compared with its choice. By the
 *     contract the logits of a batch are bit-identical to those of its tokens one by one, so text
 *     and draws are the same, token for token, as without speculation.
 *   - Drawn guesses (draft model, temperature > 0): acceptance.h; the distribution is the same, the
 *     tokens of one seed are not.
 * With neither source it is plain generation, so that commands need one loop. The number of guesses
 * follows success: doubled when all were right, one more than were right otherwise.
 * Only the engine's commands include this. */
#ifndef PAWL_SPECULATOR_H
#define PAWL_SPECULATOR_H

#include "engine/engine.h"
#include "engine/sample/sampler.h"

struct speculator_options {
    struct engine_model *draft; /* borrowed; NULL: no draft model */
    uint32_t lookup;            /* longest run of tokens looked up in the text; 0: none */
    uint32_t n_guesses;         /* most at a time, 1..64; 0: 8 */
    double temperature;         /* of the draft: the target's makes most guesses right */
    uint64_t seed;              /* of the draft and of what becomes of its guesses */
};

struct speculator_stats {
    uint64_t n_batches; /* verifications, those without a guess included */
    uint64_t n_tokens;  /* that came of them */
    uint64_t n_guessed, n_accepted;
};

struct speculator;

/* For `session` of `model`, both borrowed; nobody else drives the session until close. Errors:
 * ERR_USAGE (draft and lookup together; a draft with another vocabulary), ERR_RANGE, ERR_NOMEM,
 * those of a session. */
int speculator_open(struct engine_session *session, struct engine_model *model,
                    const struct speculator_options *o, struct speculator **out);
void speculator_close(struct speculator **s);

/* Make ids[0..n) the text (n >= 1), evaluating only what differs from the text so far; *n_kept (may
 * be NULL): tokens that did not have to be. Errors: those of engine_session_eval. */
int speculator_prompt(struct speculator *s, const int32_t *ids, size_t n, size_t *n_kept);

/* The next tokens of the text: at least one, at most `room` (>= 1; 1 guesses nothing). A token that
 * ends the generation, by itself or because the grammar is then complete (sampler_done), is the last
 * of them. The sampler has accepted all but that one; it is the
 * caller who gives it the prompt. *out is borrowed until the next call. Errors: ERR_RANGE when
 * speculator_full; those of the sampler, of engine_session_eval. */
int speculator_next(struct speculator *s, struct sampler *sampler, size_t room, const int32_t **out,
                    size_t *n);

/* No token can follow: the last one has no place in the context. */
bool speculator_full(const struct speculator *s);

/* Make room: drop n_drop tokens after the first n_keep, as engine_session_shift does. Errors: its. */
int speculator_shift(struct speculator *s, uint32_t n_keep, uint32_t n_drop);

const struct speculator_stats *speculator_stats(const struct speculator *s);

#endif
