/* SPDX-License-Identifier: Apache-2.0
 *
 * checked.h: size arithmetic for numbers that came from a file or a user. True on success. */
#ifndef PAWL_CHECKED_H
#define PAWL_CHECKED_H

#include <stdbool.h>
#include <stddef.h>

static inline bool size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* `a` rounded up to a multiple of the power of two `align`; `a` must be far from SIZE_MAX. */
static inline size_t size_align(size_t a, size_t align)
{
    return (a + align - 1) & ~(align - 1);
}

#endif
