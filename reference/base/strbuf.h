/* SPDX-License-Identifier: Apache-2.0
 *
 * strbuf.h: a string that grows. Zero-initialise, append, read .data (always NUL-terminated after
 * the first append; "" via strbuf_str before it), strbuf_deinit. Aborts when memory runs out. */
#ifndef PAWL_STRBUF_H
#define PAWL_STRBUF_H

#include <stddef.h>

struct strbuf {
    char *data;
    size_t len, cap;
};

void strbuf_add(struct strbuf *s, const void *data, size_t len);
void strbuf_addf(struct strbuf *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *strbuf_str(const struct strbuf *s);
void strbuf_clear(struct strbuf *s);
void strbuf_deinit(struct strbuf *s);

#endif
