/* SPDX-License-Identifier: Apache-2.0
 *
 * stdlib.h for kernels: exists because the compiler's header of intrinsics declares an allocator on
 * top of it. A kernel that calls one of these is refused: it has undefined symbols. */
#ifndef PAWL_KERNEL_STDLIB_H
#define PAWL_KERNEL_STDLIB_H

#include <stddef.h>

void *malloc(size_t bytes);
void free(void *p);

#endif
