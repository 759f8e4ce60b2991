/* SPDX-License-Identifier: Apache-2.0
 *
 * guidance.h: classifier-free guidance (Sanchez et al. 2023, "Stay on Topic with Classifier-Free
 * Guidance", equation 7): the same model reads the text behind another prompt, the negative one, and
 * the log-probabilities move away from what it says there. Only engine/ includes this. */
#ifndef PAWL_GUIDANCE_H
#define PAWL_GUIDANCE_H

#include "engine/engine.h"

struct guidance;

/* A session of its own on `m` (borrowed) that has read the negative prompt ids[0..n), n >= 1. scale
 * 1 is the model itself, above it pushes away. Errors: those of a session and its evaluation. */
int guidance_open(struct engine_model *m, const int32_t *ids, size_t n, double scale,
                  struct guidance **out);
void guidance_close(struct guidance **g);

/* The guided logits, f32 [n_vocab], borrowed until the next call. logits: the model's own. */
const float *guidance_logits(struct guidance *g, const float *logits);

/* Token `id` has come next. A full context forgets the older half behind the first token. Errors:
 * those of engine_session_eval. */
int guidance_accept(struct guidance *g, int32_t id);

/* out[i] = negative[i] + scale * (logits[i] - negative[i]) of the log-softmax of each; f32 [n], out
 * may be either. */
void guidance_mix(const float *logits, const float *negative, size_t n, double scale, float *out);

#endif
