/* SPDX-License-Identifier: Apache-2.0
 *
 * half.h: IEEE binary16 and bfloat16 to and from f32 in plain integer arithmetic, round to nearest
 * even, subnormals, infinities and NaN included. The scalar truth; nothing here is fast. */
#ifndef PAWL_HALF_H
#define PAWL_HALF_H

#include <stdint.h>

float half_to_float(uint16_t h);
uint16_t half_from_float(float f);
float bf16_to_float(uint16_t h);
uint16_t bf16_from_float(float f);

#endif
