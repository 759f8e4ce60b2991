/* SPDX-License-Identifier: Apache-2.0
 *
 * mix.h: which type each tensor of a model gets when the model is quantised. A mix has one type for
 * most matrices and a few rules for those that suffer more from rounding than others. Only
 * `engine quantize` includes this. */
#ifndef PAWL_MIX_H
#define PAWL_MIX_H

#include "engine/gguf/gguf.h"

struct strbuf;

struct mix {
    const char *name;   /* "Q4_K_M" */
    const char *plain;  /* another name of it, or NULL: "Q4_K" */
    uint32_t type;      /* of most matrices */
    uint32_t file_type; /* general.file_type: the GGUF specification's number of the mix */
};

/* What the rules ask about a model. */
enum mix_fact {
    MIX_FALCON = 1u << 0, /* the architecture */
    MIX_NOT_FALCON = 1u << 1,
    MIX_EIGHT = 1u << 2, /* a mixture of eight experts */
    MIX_NOT_EIGHT = 1u << 3,
    MIX_IMPORTANCE = 1u << 4, /* an importance matrix is at hand */
    MIX_NOT_IMPORTANCE = 1u << 5,
    MIX_SHARED = 1u << 6, /* four or more query heads share a KV head */
};

struct mix_model {
    uint32_t facts; /* set of enum mix_fact */
    int64_t n_layers;
    bool tied;    /* the embedding is the output matrix too */
    bool seventy; /* 80 layers and shared KV heads: the 70B of Llama 2 and 3 */
};

/* The mix of that name, in capitals or not; NULL: none has it. Static. */
const struct mix *mix_find(const char *name);

/* All names, with commas. */
void mix_names(struct strbuf *out);

/* Facts of f's model. Errors: ERR_FORMAT for keys of another type than they should have. */
int mix_model_read(const struct gguf_file *f, bool importance, struct mix_model *out);

/* Type of tensor t under the mix; `pure`: without its rules. Vectors become F32; what is no matrix
 * of weights keeps its type; rows that are no whole number of blocks get the nearest type that has
 * smaller ones, at last F16. */
uint32_t mix_type(const struct mix *mix, const struct mix_model *model, bool pure,
                  const struct gguf_tensor *t);

#endif
