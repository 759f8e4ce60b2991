/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void strbuf_reserve(struct strbuf *s, size_t more)
{
    size_t need = s->len + more + 1;

    if (need <= s->cap)
        return;
    s->cap = need < 64 ? 64 : need + need / 2;
    s->data = realloc(s->data, s->cap);
    if (!s->data)
        abort();
}

void strbuf_add(struct strbuf *s, const void *data, size_t len)
{
    strbuf_reserve(s, len);
    if (len)
        memcpy(s->data + s->len, data, len);
    s->len += len;
    s->data[s->len] = '\0';
}

void strbuf_addf(struct strbuf *s, const char *fmt, ...)
{
    va_list ap, again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        abort();
    strbuf_reserve(s, (size_t)n);
    vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
    va_end(again);
    s->len += (size_t)n;
}

const char *strbuf_str(const struct strbuf *s)
{
    return s->data ? s->data : "";
}

void strbuf_clear(struct strbuf *s)
{
    s->len = 0;
    if (s->data)
        s->data[0] = '\0';
}

void strbuf_deinit(struct strbuf *s)
{
    free(s->data);
    memset(s, 0, sizeof *s);
}
