/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.h: where characters end in bytes that may be anything. For the tokenizers, and for printing
 * what stands in other people's files. */
#ifndef PAWL_UTF8_H
#define PAWL_UTF8_H

#include <stddef.h>

/* Bytes (1..4) of the character at s, or 0 when none of well-formed UTF-8 (Unicode, table 3-7: no
 * surrogates, nothing overlong or above U+10FFFF) begins there within `len` >= 1 bytes. */
static inline size_t utf8_char_bytes(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    unsigned low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80; /* of the second byte */
    unsigned high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;

    if (n < 2)
        return n;
    if (p[0] > 0xf4 || n > len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

#endif
