/* SPDX-License-Identifier: Apache-2.0
 *
 * model.h: what an engine_model is made of, for session.c and the commands beside it. */
#ifndef PAWL_MODEL_H
#define PAWL_MODEL_H

#include "engine/engine.h"
#include "engine/model/graph.h"
#include "engine/run/plan.h"
#include "engine/model/pack_file.h"
#include "engine/model/resident.h"
#include "reference/base/sha256.h"

struct engine_model {
    struct engine_options options; /* resolved: no zeros but kv_type's F16 is KERNEL_F16 */
    struct gguf_file *file;
    struct tokenizer *tokenizer;
    struct graph *graph;
    struct pack_view pack;   /* of a packed file; weights NULL: of a GGUF file */
    struct resident weights; /* map NULL: in the packed file */
};

/* Open `path`, a GGUF file or a packed one, or the embedded model when it is NULL. Of a packed file
 * the tensors have no data. */
int model_file_open(const char *path, struct gguf_file **out);

/* `o` with its defaults filled in for a model with dimensions `g`. Error: ERR_RANGE, ERR_USAGE. */
int model_options_resolve(const struct engine_options *o, const struct graph *g,
                          struct engine_options *out);

/* Which model this is: hex digest of its GGUF file's head and of the first bytes of every tensor, so
 * that also siblings that differ in their weights alone are told apart. Error: ERR_NOMEM. */
int model_id(const struct engine_model *m, char hex[SHA256_HEX]);

/* The plan's limits that follow from resolved options. */
struct plan_limits model_plan_limits(const struct engine_options *o);

#endif
