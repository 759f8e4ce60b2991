/* SPDX-License-Identifier: Apache-2.0
 *
 * vocab_open.h: open vocabularies, those of the shared test material and small ones, and what tests
 * of tokenizers ask of them. Tests of engine/ only. */
#ifndef PAWL_TESTS_ENGINE_VOCAB_OPEN_H
#define PAWL_TESTS_ENGINE_VOCAB_OPEN_H

#include "engine/tokenizer/tokenizer.h"
#include "reference/base/err.h"
#include "tests/engine/gguf_build.h"
#include "tests/engine/shared.h"
#include "tests/engine/tiny_vocab.h"

#include <inttypes.h>

struct vocab {
    struct strbuf bytes; /* of the file, where it is made up */
    struct gguf_file *file;
    struct tokenizer *t;
};

static inline struct vocab vocab_open(const char *name)
{
    struct vocab v = {0};
    char path[4096];

    shared_path(path, sizeof path, "tokenizers/ggml-vocab-%s.gguf", name);
    cr_assert_eq(gguf_open(path, &v.file), 0, "%s", err_message());
    cr_assert_eq(tokenizer_open(v.file, &v.t), 0, "%s", err_message());
    return v;
}

/* `pre`: the first word of it is tokenizer.ggml.pre of a BPE. */
static inline struct vocab vocab_open_tiny(enum tiny_vocab_kind kind, const char *pre)
{
    struct vocab v = {0};
    char name[64];

    snprintf(name, sizeof name, "%.*s", (int)strcspn(pre, " "), pre);
    tiny_vocab_build(&v.bytes, kind, kind == TINY_VOCAB_BPE ? name : NULL);
    cr_assert_eq(gguf_open_memory(v.bytes.data, v.bytes.len, "tiny", &v.file), 0);
    cr_assert_eq(tokenizer_open(v.file, &v.t), 0, "%s: %s", name, err_message());
    return v;
}

/* Tokens of the test's own; `extra` (or NULL) appends n_extra more keys. Returns what
 * tokenizer_open does. */
static inline int vocab_open_own(struct vocab *v, const char *model,
                                 const struct tiny_token *tokens, size_t n,
                                 void (*extra)(struct strbuf *), uint64_t n_extra)
{
    struct strbuf keys = {0};

    memset(v, 0, sizeof *v);
    if (extra)
        extra(&keys);
    tiny_vocab_write(&v->bytes, model, tokens, n, extra ? &keys : NULL, n_extra);
    strbuf_deinit(&keys);
    cr_assert_eq(gguf_open_memory(v->bytes.data, v->bytes.len, "own", &v->file), 0, "%s",
                 err_message());
    err_clear();
    return tokenizer_open(v->file, &v->t);
}

static inline void vocab_close(struct vocab *v)
{
    tokenizer_close(&v->t);
    gguf_close(&v->file);
    strbuf_deinit(&v->bytes);
}

/* "1 2 3" as the vectors write it, in *out. */
static inline void ids_print(const int32_t *ids, size_t n, struct strbuf *out)
{
    strbuf_clear(out);
    for (size_t i = 0; i < n; i++)
        strbuf_addf(out, "%s%" PRId32, i ? " " : "", ids[i]);
    strbuf_add(out, "", 0);
}

static inline void expect_ids(const struct tokenizer *t, const char *text, unsigned flags,
                              const char *want)
{
    struct strbuf got = {0};
    int32_t *ids;
    size_t n;

    cr_assert_eq(tokenizer_encode(t, text, strlen(text), flags, &ids, &n), 0, "%s", err_message());
    ids_print(ids, n, &got);
    cr_expect_str_eq(got.data, want, "\"%s\": %s, not %s", text, got.data, want);
    free(ids);
    strbuf_deinit(&got);
}

/* The text must be what its ids decode to. */
static inline void round_trip(const struct tokenizer *t, const char *text, size_t len)
{
    struct strbuf back = {0};
    int32_t *ids;
    size_t n;

    cr_assert_eq(tokenizer_encode(t, text, len, 0, &ids, &n), 0, "%s", err_message());
    cr_assert_eq(tokenizer_decode(t, ids, n, &back), 0, "%s", err_message());
    cr_assert(back.len == len && (!len || !memcmp(back.data, text, len)),
              "\"%.*s\" came back as \"%s\"", (int)len, text, strbuf_str(&back));
    free(ids);
    strbuf_deinit(&back);
}

#endif
