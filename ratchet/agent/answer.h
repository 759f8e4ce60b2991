/* SPDX-License-Identifier: Apache-2.0
 *
 * answer.h: what an agent says on its stdout. Looked for from the end, to the last hypothesis: a line
 * "HYPOTHESIS: text", which goes on to the next empty line, or "DONE: why" in capitals, or one line
 * that is a JSON object with "hypothesis", "focus", "done". Quotes, stars and hashes of Markdown before
 * a word are passed over. For ratchet/ only. */
#ifndef PAWL_RATCHET_ANSWER_H
#define PAWL_RATCHET_ANSWER_H

#include <stddef.h>

enum { ANSWER_BYTES = 2000 };

struct answer {
    char *hypothesis, *focus, *done; /* NULL: not said; valid UTF-8, at most ANSWER_BYTES */
};

/* Any text will do. The caller deinits. */
void answer_read(const char *text, size_t bytes, struct answer *out);
void answer_deinit(struct answer *a);

#endif
