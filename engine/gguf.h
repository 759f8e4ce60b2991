/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf.h: a GGUF file (versions 2 and 3, little-endian), mapped and checked. Everything a caller can
 * reach through this header has been bounds-checked when the file was opened: a string, array or
 * tensor handed out lies inside the mapping. Source: the GGUF specification (ggml documentation). */
#ifndef PAWL_GGUF_H
#define PAWL_GGUF_H

#include "kernel/kernel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

enum gguf_type {
    GGUF_U8 = 0, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL,
    GGUF_STRING, GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64,
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
    const unsigned char *value; /* first byte of the (first) value, unaligned; borrowed */
    size_t bytes;          /* of the value */
};

struct gguf_tensor {
    char name[128];
    uint32_t type;         /* enum kernel_type: one that gguf_type_block knows */
    uint32_t n_dims;
    int64_t ne[4];         /* ne[0] fastest; unused = 1 */
    const void *data;      /* borrowed, inside the mapping */
    size_t bytes;
};

struct gguf_file; /* immutable once open; any thread may read it */

/* Map and check `path`. Errors: ERR_IO; ERR_FORMAT with one sentence that names the field. */
int gguf_open(const char *path, struct gguf_file **out);

/* The same over caller's memory (kept by the caller until close), e.g. the embedded model. */
int gguf_open_memory(const void *data, size_t bytes, const char *name, struct gguf_file **out);
void gguf_close(struct gguf_file **f);

uint32_t gguf_version(const struct gguf_file *f);
size_t gguf_file_bytes(const struct gguf_file *f);
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
const char *gguf_type_name(uint32_t type); /* "Q4_K"; "type 77" style names are not made here: NULL */

/* --- writing (engine quantize, tests) ------------------------------------------------------------ */
struct gguf_writer;
int gguf_writer_open(const char *path, struct gguf_writer **out);
int gguf_writer_add_kv(struct gguf_writer *w, const struct gguf_kv *kv); /* verbatim copy */
int gguf_writer_set_u32(struct gguf_writer *w, const char *key, uint32_t value); /* replaces */
/* Declare all tensors first, then give their data in the same order; finish writes everything through
 * a temporary file and rename. Abandon removes it. */
int gguf_writer_declare(struct gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                        const int64_t *ne);
int gguf_writer_data(struct gguf_writer *w, const void *data, size_t bytes);
int gguf_writer_finish(struct gguf_writer **w);
void gguf_writer_abandon(struct gguf_writer **w);

#endif
