/* SPDX-License-Identifier: Apache-2.0
 *
 * link_script.h: a linker script that lays a kernel's functions and constants out in an order and
 * with gaps drawn from a seed. Where code lies is worth some percent of speed by luck alone;
 * measured over many layouts that luck is noise instead of bias. Inside judge/ only. */
#ifndef PAWL_LINK_SCRIPT_H
#define PAWL_LINK_SCRIPT_H

#include "judge/compile/object.h"
#include "reference/base/strbuf.h"

#include <stdint.h>

/* All gaps of one section kind together, at most, in bytes. */
enum { LINK_SCRIPT_DRIFT = 4096 };

/* Append the script of `seed` for a shared object made of `o` to *out. Sections keep their own
 * alignment; gaps are multiples of 16 bytes. */
void link_script_write(const struct object *o, uint64_t seed, struct strbuf *out);

#endif
