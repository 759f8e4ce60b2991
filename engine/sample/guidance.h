/* SPDX-License-Identifier: Apache-2.0
 *
 * guidance.h: classifier-free guidance (Sanchez et al. 2023, "Stay on Topic with Classifier-Free
 * Guidance", equation 7): the same model reads the text behind another prompt, the negative one, and
 * the log-probabilities move away from what it says there. Only engine/ includes this. */
#ifndef PAWL_GUIDANCE_H
#define PAWL_GUIDANCE_H

#include <stddef.h>

/* out[i] = negative[i] + scale * (logits[i] - negative[i]) of the log-softmax of each; f32 [n], out
 * may be either. scale 1 is the model itself, above it pushes away. Logits of -inf stay so. */
void guidance_mix(const float *logits, const float *negative, size_t n, double scale, float *out);

#endif
