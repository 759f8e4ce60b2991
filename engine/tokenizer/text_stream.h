/* SPDX-License-Identifier: Apache-2.0
 *
 * text_stream.h: token pieces in, valid UTF-8 out. A token may end inside a character; its bytes
 * are held back until the character is whole. What can never become a character becomes U+FFFD.
 * Only the engine includes this. */
#ifndef PAWL_TEXT_STREAM_H
#define PAWL_TEXT_STREAM_H

#include <stddef.h>

struct strbuf;

struct text_stream { /* zero-initialise */
    unsigned char held[4];
    size_t n_held; /* bytes of a character begun, < 4 */
};

/* Append to *out every character that is whole after these bytes. */
void text_stream_push(struct text_stream *t, const void *data, size_t bytes, struct strbuf *out);

/* The text ends: a character left half is U+FFFD. */
void text_stream_finish(struct text_stream *t, struct strbuf *out);

#endif
