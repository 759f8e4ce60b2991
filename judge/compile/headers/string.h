/* SPDX-License-Identifier: Apache-2.0
 *
 * string.h for kernels: the three functions that a kernel may call. */
#ifndef PAWL_KERNEL_STRING_H
#define PAWL_KERNEL_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);

#endif
