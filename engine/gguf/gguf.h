/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf.h: a GGUF file (versions 2 and 3, little-endian), mapped and checked. Everything a caller
 * can reach through this header has been bounds-checked when the file was opened: a string, array
 * or tensor handed out lies inside the mapping. Source: the GGUF specification (ggml
 * documentation). */
#ifndef PAWL_GGUF_H
#define PAWL_GGUF_H

#include "kernel/kernel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_map;
struct strbuf;

enum gguf_type {
    GGUF_U8 = 0,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
};

struct gguf_string {
    const char *data; /* not NUL-terminated; borrowed from the file */
    size_t len;
};

struct gguf_kv {
    struct gguf_string key;
    uint32_t type;         /* enum gguf_type */
    uint32_t element_type; /* of arrays */
    uint64_t count;        /* elements of an array, else 1 */
    /* First byte of the (first) value as it stands in the file, unaligned; borrowed. A string
     * starts with its u64 length, alone and in an array. */
    const unsigned char *value;
    size_t bytes; /* of the value, string lengths included, array header excluded */
};

struct gguf_tensor {
    char name[128];
    uint32_t type; /* enum kernel_type: one that gguf_type_block knows */
    uint32_t n_dims;
    int64_t ne[4];    /* ne[0] fastest; unused = 1 */
    const void *data; /* borrowed, inside the mapping; NULL: see gguf_open_head */
    size_t bytes;
    size_t offset; /* of the data, from the start of the file */
};

struct gguf_file; /* immutable once open; any thread may read it */

/* Map and check `path`: magic, version, every key, value and tensor header, every offset. Refused
 * are also what would only surprise later: duplicate keys or tensor names, nested arrays, control
 * characters in names, bools that are neither 0 nor 1.
 * Errors: ERR_IO; ERR_UNSUPPORTED for big-endian files and versions other than 2 and 3; ERR_NOMEM;
 * ERR_FORMAT with one sentence that names the file and the field. */
int gguf_open(const char *path, struct gguf_file **out);

/* The same over caller's memory (kept by the caller until close), e.g. the embedded model. */
int gguf_open_memory(const void *data, size_t bytes, const char *name, struct gguf_file **out);

/* The same when only the first `bytes` of a file of file_bytes are at hand: its head, and nothing
 * of the tensors, whose data is then NULL. */
int gguf_open_head(const void *data, size_t bytes, size_t file_bytes, const char *name,
                   struct gguf_file **out);

/* Have close also close this mapping, in which the caller's memory lies. */
void gguf_own_map(struct gguf_file *f, const struct file_map *map);

void gguf_close(struct gguf_file **f);

uint32_t gguf_version(const struct gguf_file *f);
size_t gguf_file_bytes(const struct gguf_file *f);
/* Magic, metadata and tensor table as they stand in the file: all that is not tensor data. */
const void *gguf_head(const struct gguf_file *f, size_t *bytes);
size_t gguf_n_kv(const struct gguf_file *f);
const struct gguf_kv *gguf_kv_at(const struct gguf_file *f, size_t i);
const struct gguf_kv *gguf_kv_find(const struct gguf_file *f, const char *key); /* NULL: absent */
size_t gguf_n_tensors(const struct gguf_file *f);
const struct gguf_tensor *gguf_tensor_at(const struct gguf_file *f, size_t i);
const struct gguf_tensor *gguf_tensor_find(const struct gguf_file *f, const char *name);

/* Typed access. 0 when found, 1 when the key is absent (*out untouched), ERR_FORMAT when it has
 * another type or does not fit. Integers of any width convert when the value fits. */
int gguf_get_int(const struct gguf_file *f, const char *key, int64_t *out);
int gguf_get_float(const struct gguf_file *f, const char *key, double *out);
int gguf_get_bool(const struct gguf_file *f, const char *key, bool *out);
int gguf_get_string(const struct gguf_file *f, const char *key, struct gguf_string *out);

/* Element i of an array kv; the caller has checked element_type and i < count. Strings: use
 * gguf_array_strings once, it walks the array. */
double gguf_array_float(const struct gguf_kv *kv, uint64_t i);
int64_t gguf_array_int(const struct gguf_kv *kv, uint64_t i);
/* All strings of a string array: caller's `out` holds kv->count entries. */
int gguf_array_strings(const struct gguf_kv *kv, struct gguf_string *out);

/* Elements and bytes of one block of a tensor type; false for types unknown to us. */
bool gguf_type_block(uint32_t type, int64_t *elements, size_t *bytes);
/* "Q4_K" for a tensor type, "u32" or "string" for a value type; NULL for what we do not know. */
const char *gguf_type_name(uint32_t type);
const char *gguf_value_type_name(uint32_t type);

/* Bytes of a tensor of this type and shape. ERR_FORMAT without a file's context (wrap it): unknown
 * type, n_dims outside 1..4, an extent < 1, a row that is no whole number of blocks, overflow. */
int gguf_tensor_size(uint32_t type, uint32_t n_dims, const int64_t *ne, size_t *bytes);

/* --- writing (engine quantize, tests) --- */
struct gguf_writer;

/* Start a version 3 file that will stand at `path` when finished. Errors: ERR_IO, also when
 * something other than a regular file is there; ERR_RANGE (path too long), ERR_NOMEM. */
int gguf_writer_open(const char *path, struct gguf_writer **out);

/* Metadata, before the first data. A key given again replaces the earlier value in its place.
 * add_kv copies the value's bytes as they are; set_u32 is the common special case.
 * general.alignment is obeyed (32 without it). Errors: ERR_USAGE (data has begun); ERR_RANGE
 * (alignment). */
int gguf_writer_add_kv(struct gguf_writer *w, const struct gguf_kv *kv);
int gguf_writer_set_u32(struct gguf_writer *w, const char *key, uint32_t value);

/* Declare all tensors first, then give their data in the same order, each whole (`bytes` must be
 * the tensor's); finish puts the file in its place by rename and closes the writer on success.
 * Abandon removes what was written; it accepts NULL. Errors: ERR_USAGE for a wrong order, size or
 * type; ERR_RANGE; ERR_IO. */
int gguf_writer_declare(struct gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                        const int64_t *ne);
int gguf_writer_data(struct gguf_writer *w, const void *data, size_t bytes);
int gguf_writer_finish(struct gguf_writer **w);
void gguf_writer_abandon(struct gguf_writer **w);

#endif
