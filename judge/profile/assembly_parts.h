/* SPDX-License-Identifier: Apache-2.0
 *
 * assembly_parts.h: what the two halves of assembly.h share: the parser (assembly.c) and the search
 * for loops (assembly_loops.c). Nobody else's. */
#ifndef PAWL_ASSEMBLY_PARTS_H
#define PAWL_ASSEMBLY_PARTS_H

#include "judge/profile/assembly.h"

/* assembly_line.target of what does not jump inside its function. */
#define ASSEMBLY_NO_TARGET UINT32_MAX

/* Fill in f's loops and the loop depth of its lines. Error: ERR_NOMEM. */
int assembly__find_loops(struct assembly *a, struct assembly_function *f);

/* `array` of elements of `bytes`, grown with *capacity when it holds n already: room for one more.
 * NULL: out of memory, and `array` is as it was. */
void *assembly__room(void *array, size_t n, size_t *capacity, size_t bytes);

#endif
