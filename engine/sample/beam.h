/* SPDX-License-Identifier: Apache-2.0
 *
 * beam.h: beam search (Lowerre 1976, "The Harpy Speech Recognition System"; for neural models
 * Sutskever et al. 2014): follow the n likeliest beginnings at once, and answer the likeliest whole
 * text instead of the likeliest next token. Nothing is drawn. Only engine/ includes this. */
#ifndef PAWL_BEAM_H
#define PAWL_BEAM_H

#include "engine/engine.h"
#include "engine/sample/sampler.h"

struct beam_options {
    uint32_t n_beams;      /* >= 1; 1 is greedy */
    size_t n_predict;      /* tokens at most, >= 1 */
    double length_penalty; /* texts are compared by ln p / tokens ^ this; 0: by p itself */
};

struct beam_text {
    int32_t *ids; /* [n], malloc'ed for the caller, without the token that ended it */
    size_t n;
    double log_p; /* natural, of all tokens, the one that ended it included */
};

/* The best text after what `s` holds (a prompt evaluated, with logits). `sampler` has been told the
 * prompt; p are those of its distribution, so that its chain may penalise or forbid and its grammar
 * hold. The search ends when n_beams texts have ended, or no beam can go on. Forks s n_beams - 1
 * times: the model's n_sessions must leave them room. s and sampler are left on some beam. Errors:
 * those of the session and the sampler, ERR_NOMEM. */
int beam_search(struct engine_session *s, const struct engine_model *m, struct sampler *sampler,
                const struct beam_options *o, struct beam_text *out);

#endif
