/* SPDX-License-Identifier: Apache-2.0
 *
 * sha256.h: SHA-256 (libcrypto) in the two forms we need: one buffer, or a running digest. */
#ifndef PAWL_SHA256_H
#define PAWL_SHA256_H

#include <stddef.h>

enum { SHA256_HEX = 65 }; /* 64 lower-case hex digits and NUL */

struct sha256; /* a running digest */

int sha256_open(struct sha256 **out);
void sha256_add(struct sha256 *s, const void *data, size_t bytes);

/* Write the digest so far, close *s and set it to NULL. */
void sha256_close(struct sha256 **s, char hex[SHA256_HEX]);

void sha256_hex(const void *data, size_t bytes, char hex[SHA256_HEX]);

#endif
