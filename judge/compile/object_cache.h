/* SPDX-License-Identifier: Apache-2.0
 *
 * object_cache.h: compiled objects kept between builds, so that the incumbent is compiled once. One
 * file per key holds the object and what the compiler said, under a digest that is verified before
 * anything of it is used. Inside judge/ only. */
#ifndef PAWL_OBJECT_CACHE_H
#define PAWL_OBJECT_CACHE_H

#include "reference/base/sha256.h"

struct strbuf;

enum { OBJECT_CACHE_ENTRIES = 64 }; /* the longest unused go; an object takes about 200 KiB */

/* Look `key` up in the folder. Returns 1 and appends to *object and *log, or 0: not there, or not
 * what was stored. */
int object_cache_get(const char *folder, const char key[SHA256_HEX], struct strbuf *object,
                     struct strbuf *log);

/* Keep an object. Error: ERR_IO. */
int object_cache_put(const char *folder, const char key[SHA256_HEX], const struct strbuf *object,
                     const struct strbuf *log);

#endif
