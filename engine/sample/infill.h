/* SPDX-License-Identifier: Apache-2.0
 *
 * infill.h: the prompt by which a model trained for it fills a gap: prefix, suffix, middle, each
 * behind its token ("fill in the middle", Bavarian et al. 2022, in the order PSM). Only engine/
 * includes this. */
#ifndef PAWL_INFILL_H
#define PAWL_INFILL_H

#include "engine/tokenizer/tokenizer.h"

/* *ids (malloc'ed for the caller): [BOS] PRE prefix SUF suffix MID. The three tokens are those the
 * file names, or else known ones by their text. Errors: ERR_UNSUPPORTED when the model has none;
 * those of tokenizer_encode. */
int infill_prompt(const struct gguf_file *f, const struct tokenizer *t, bool bos,
                  const struct strbuf *prefix, const struct strbuf *suffix, int32_t **ids,
                  size_t *n);

#endif
