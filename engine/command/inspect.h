/* SPDX-License-Identifier: Apache-2.0
 *
 * inspect.h: what `engine inspect` says about a GGUF file, for whoever wants it in memory. */
#ifndef PAWL_INSPECT_H
#define PAWL_INSPECT_H

#include "engine/gguf/gguf.h"

#include <jansson.h>

struct strbuf;

/* Append metadata, tensors and totals of f for people; `name` heads it. */
void inspect_text(const struct gguf_file *f, const char *name, struct strbuf *out);

/* The same as a JSON object. The caller releases it. */
json_t *inspect_json(const struct gguf_file *f, const char *name);

#endif
