/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/embedded/embedded.h"

const unsigned char engine_embedded_model[1];
const uint64_t engine_embedded_model_bytes;
