/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf_internal.h: what the GGUF sources share: the open file, and little-endian loads from bytes
 * that have no alignment. Nobody outside engine/gguf*.c includes it. */
#ifndef PAWL_GGUF_INTERNAL_H
#define PAWL_GGUF_INTERNAL_H

#include "engine/gguf/file_map.h"
#include "engine/gguf/gguf.h"

#include <string.h>

enum {
    GGUF_DEFAULT_ALIGNMENT = 32,
    GGUF_MAX_KEY = 65535, /* bytes, from the specification */
    GGUF_MAX_DIMS = 4,
};

struct gguf_file {
    const unsigned char *base;
    size_t bytes;        /* at hand */
    size_t file_bytes;   /* of the whole file, of which only the head may be at hand */
    size_t head_bytes;   /* magic, metadata and tensor table, padded */
    struct file_map map; /* ours to close */
    char *name;          /* of the file, for messages */
    uint32_t version;
    struct gguf_kv *kvs;
    struct gguf_tensor *tensors;
    size_t n_kvs, n_tensors;
    const struct gguf_kv **kvs_by_key;          /* sorted */
    const struct gguf_tensor **tensors_by_name; /* sorted */
};

/* Fill everything behind `name` from base[0..bytes). On failure the caller closes the file. */
int gguf__parse(struct gguf_file *f);

/* Bytes of one scalar value; 0 for strings, arrays and unknown types. */
size_t gguf__value_bytes(uint32_t type);

static inline uint16_t gguf__u16(const unsigned char *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t gguf__u32(const unsigned char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t gguf__u64(const unsigned char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

#endif
