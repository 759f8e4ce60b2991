/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf_build.h: GGUF bytes written by hand, so that tests can also write what the library would
 * never write. Tests of engine/ only. */
#ifndef PAWL_TESTS_ENGINE_GGUF_BUILD_H
#define PAWL_TESTS_ENGINE_GGUF_BUILD_H

#include "engine/gguf/gguf.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void build_u32(struct strbuf *s, uint32_t v)
{
    strbuf_add(s, &v, sizeof v);
}

static inline void build_u64(struct strbuf *s, uint64_t v)
{
    strbuf_add(s, &v, sizeof v);
}

static inline void build_f32(struct strbuf *s, float v)
{
    strbuf_add(s, &v, sizeof v);
}

static inline void build_string(struct strbuf *s, const char *text)
{
    build_u64(s, strlen(text));
    strbuf_add(s, text, strlen(text));
}

static inline void build_header(struct strbuf *s, uint64_t n_tensors, uint64_t n_kvs)
{
    strbuf_add(s, "GGUF", 4);
    build_u32(s, 3);
    build_u64(s, n_tensors);
    build_u64(s, n_kvs);
}

static inline void build_kv_u32(struct strbuf *s, const char *key, uint32_t v)
{
    build_string(s, key);
    build_u32(s, GGUF_U32);
    build_u32(s, v);
}

static inline void build_kv_string(struct strbuf *s, const char *key, const char *v)
{
    build_string(s, key);
    build_u32(s, GGUF_STRING);
    build_string(s, v);
}

static inline void build_kv_bool(struct strbuf *s, const char *key, bool v)
{
    build_string(s, key);
    build_u32(s, GGUF_BOOL);
    strbuf_add(s, &(char){v}, 1);
}

/* The elements follow. */
static inline void build_kv_array(struct strbuf *s, const char *key, uint32_t type, uint64_t n)
{
    build_string(s, key);
    build_u32(s, GGUF_ARRAY);
    build_u32(s, type);
    build_u64(s, n);
}

static inline void build_tensor(struct strbuf *s, const char *name, uint32_t type, uint32_t n_dims,
                                const int64_t *ne, uint64_t offset)
{
    build_string(s, name);
    build_u32(s, n_dims);
    strbuf_add(s, ne, n_dims * sizeof *ne);
    build_u32(s, type);
    build_u64(s, offset);
}

/* Zeros up to a multiple of `alignment`. */
static inline void build_pad(struct strbuf *s, size_t alignment)
{
    while (s->len % alignment)
        strbuf_add(s, "", 1);
}

/* A fresh folder for one test; remove it with file_remove_tree. */
static inline void temp_folder(char *out, size_t bytes)
{
    const char *base = getenv("TMPDIR");

    snprintf(out, bytes, "%s/pawl-engine-XXXXXX", base && *base ? base : P_tmpdir);
    cr_assert_not_null(mkdtemp(out));
}

/* Messages of the commands are not this test's output. */
static inline void quiet(void)
{
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
}

#endif
