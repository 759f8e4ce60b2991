/* SPDX-License-Identifier: Apache-2.0
 *
 * pack_file.h: a model whose weights are stored as this kernel packs them. The file is mapped and
 * used where it lies: nothing is read, copied or packed to start. It holds a header, the head of
 * the GGUF file (metadata and tensor table) and, on a page boundary, the weights in the order of
 * the graph. The header names the layout (layout_id.h), so that a file from another kernel, or for
 * a CPU that this kernel packs for in another way, is refused. Only the engine includes this. */
#ifndef PAWL_PACK_FILE_H
#define PAWL_PACK_FILE_H

#include "engine/gguf/gguf.h"
#include "engine/model/graph.h"
#include "engine/model/resident.h"
#include "reference/base/sha256.h"

/* What a packed file holds beside the GGUF head. */
struct pack_view {
    const void *weights; /* in the file's mapping, page-aligned; NULL: no packed file */
    size_t bytes;
    char model[SHA256_HEX];  /* model_id of the GGUF file */
    char layout[SHA256_HEX]; /* layout_id_weights */
    char digest[SHA256_HEX]; /* of the weights */
};

/* Whether the file at `path` begins like a packed one. */
bool pack_file_is(const char *path);

/* Map `path` and check all but the weights' bytes. *file owns the mapping; what *out points at lives
 * as long. Errors: ERR_IO, ERR_NOMEM; ERR_FORMAT, ERR_UNSUPPORTED, ERR_INTEGRITY naming the file;
 * those of gguf_open. */
int pack_file_open(const char *path, struct gguf_file **file, struct pack_view *out);

/* Whether this kernel, with these features, packs g's weights as `v` has them. Error: ERR_CONFLICT
 * with the remedy, those of layout_id_weights. */
int pack_file_fits(const struct pack_view *v, const struct graph *g, uint64_t features,
                   const char *path);

/* Read all the weights and compare their digest: for a file that was moved about, not for every
 * start. Errors: ERR_INTEGRITY, ERR_NOMEM. */
int pack_file_verify(const struct pack_view *v, const char *path);

/* Write the head of `file` and the weights that weight_store_open packed. `model` and `layout` are
 * their ids. Errors: those of file_writer.h. */
int pack_file_write(const char *path, const struct gguf_file *file, const struct resident *weights,
                    const char *model, const char *layout);

#endif
