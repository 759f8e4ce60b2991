/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tokenizer/text_stream.h"

#include "reference/base/strbuf.h"

#include <stdbool.h>

/* Bytes of the character that `lead` begins; 0: nothing begins so (Unicode, table 3-7). */
static size_t sequence_length(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/* Whether `next` may follow the n bytes of `held`: the second byte also excludes overlong forms,
 * surrogates and what lies past U+10FFFF. */
static bool may_follow(const unsigned char *held, size_t n, unsigned char next)
{
    unsigned char low = 0x80, high = 0xbf;

    if (n == 1) {
        low = held[0] == 0xe0 ? 0xa0 : held[0] == 0xf0 ? 0x90 : low;
        high = held[0] == 0xed ? 0x9f : held[0] == 0xf4 ? 0x8f : high;
    }
    return next >= low && next <= high;
}

static void replace(struct strbuf *out)
{
    strbuf_add(out, "\xef\xbf\xbd", 3);
}

static void push_byte(struct text_stream *t, unsigned char byte, struct strbuf *out)
{
    if (t->n_held && !may_follow(t->held, t->n_held, byte)) {
        replace(out);
        t->n_held = 0;
    }
    if (!t->n_held && !sequence_length(byte)) {
        replace(out);
        return;
    }
    t->held[t->n_held++] = byte;
    if (t->n_held == sequence_length(t->held[0])) {
        strbuf_add(out, t->held, t->n_held);
        t->n_held = 0;
    }
}

void text_stream_push(struct text_stream *t, const void *data, size_t bytes, struct strbuf *out)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < bytes; i++)
        push_byte(t, p[i], out);
}

void text_stream_finish(struct text_stream *t, struct strbuf *out)
{
    if (t->n_held)
        replace(out);
    t->n_held = 0;
}
