/* SPDX-License-Identifier: Apache-2.0
 *
 * embedded.h: the model inside the program, so that it speaks without a download. A build whose
 * source tree has no engine/embedded/kjv-q4_k_m.gguf carries none (module.mk chooses). */
#ifndef PAWL_EMBEDDED_H
#define PAWL_EMBEDDED_H

#include <stdint.h>

extern const unsigned char engine_embedded_model[]; /* a GGUF file, page-aligned */
extern const uint64_t engine_embedded_model_bytes;  /* 0: none */

#endif
