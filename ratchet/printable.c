/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/printable.h"

#include "reference/base/strbuf.h"

#include <stdlib.h>

size_t printable_next(const char *p, size_t left, bool *control)
{
    const unsigned char *c = (const unsigned char *)p;
    size_t most = *c < 0xc2 || *c > 0xf7 ? 1 : *c >= 0xf0 ? 4 : *c >= 0xe0 ? 3 : 2, n = 1;

    while (n < most && n < left && (c[n] & 0xc0) == 0x80)
        n++;
    *control = *c < 0x20 || (*c >= 0x7f && *c < 0xa0) || (*c == 0xc2 && n == 2 && c[1] < 0xa0);
    return n;
}

void printable_write(FILE *to, const char *text, size_t len)
{
    struct strbuf clean = {0}; /* whole to the stream: stderr has no buffer */

    for (size_t i = 0, n; i < len; i += n) {
        bool control;

        n = printable_next(text + i, len - i, &control);
        if (control && text[i] != '\n' && text[i] != '\t')
            strbuf_add(&clean, "?", 1);
        else
            strbuf_add(&clean, text + i, n);
    }
    fwrite(strbuf_str(&clean), 1, clean.len, to);
    strbuf_deinit(&clean);
}

void printable_vprintf(FILE *to, const char *fmt, va_list ap)
{
    char *text = NULL;
    int len = vasprintf(&text, fmt, ap);

    if (len < 0)
        abort();
    printable_write(to, text, (size_t)len);
    free(text);
}

void printable_printf(FILE *to, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    printable_vprintf(to, fmt, ap);
    va_end(ap);
}
