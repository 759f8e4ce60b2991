/* SPDX-License-Identifier: Apache-2.0
 *
 * departures.h: where our token ids differ from llama.cpp's on purpose: it departs from the tokeniser
 * that the model was published with, or loses bytes. Each is a property that a text must have for the
 * ids to differ: a difference in a text without it is a failure. */
#ifndef PAWL_DEPARTURES_H
#define PAWL_DEPARTURES_H

#include "reference/base/strbuf.h"

/* Why the ids of `text` may differ with this vocabulary ("qwen2") and pre-tokeniser ("": its own);
 * NULL when nothing excuses it. Static. */
const char *departure_find(const char *vocabulary, const char *pre, const struct strbuf *text);

#endif
