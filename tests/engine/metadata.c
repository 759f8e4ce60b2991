/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/metadata.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void value_add(struct metadata *x, const char *key, struct gguf_kv kv)
{
    kv.key = (struct gguf_string){key, strlen(key)};
    if (x->rc == 0)
        x->rc = gguf_writer_add_kv(x->w, &kv);
}

static void plain_add(struct metadata *x, const char *key, uint32_t type, const void *value,
                      size_t bytes)
{
    value_add(x, key, (struct gguf_kv){.type = type, .value = value, .bytes = bytes});
}

void metadata_u32(struct metadata *x, const char *key, int64_t value)
{
    if (x->rc == 0)
        x->rc = gguf_writer_set_u32(x->w, key, (uint32_t)value);
}

void metadata_f32(struct metadata *x, const char *key, double value)
{
    float single = (float)value;

    plain_add(x, key, GGUF_F32, &single, sizeof single);
}

void metadata_bool(struct metadata *x, const char *key, bool value)
{
    unsigned char byte = value;

    plain_add(x, key, GGUF_BOOL, &byte, sizeof byte);
}

void metadata_append_string(struct strbuf *s, const char *text)
{
    uint64_t len = strlen(text);

    strbuf_add(s, &len, sizeof len);
    strbuf_add(s, text, len);
}

void metadata_string(struct metadata *x, const char *key, const char *text)
{
    struct strbuf s = {0};

    metadata_append_string(&s, text);
    plain_add(x, key, GGUF_STRING, s.data, s.len);
    strbuf_deinit(&s);
}

void metadata_array(struct metadata *x, const char *key, uint32_t type, int64_t count,
                    const struct strbuf *elements)
{
    value_add(x, key,
              (struct gguf_kv){.type = GGUF_ARRAY,
                               .element_type = type,
                               .count = (uint64_t)count,
                               .value = (const unsigned char *)elements->data,
                               .bytes = elements->len});
}

void metadata_copy(struct metadata *x, const struct gguf_file *f, const char *prefix)
{
    size_t n = strlen(prefix);

    for (size_t i = 0; i < gguf_n_kv(f) && x->rc == 0; i++) {
        const struct gguf_kv *kv = gguf_kv_at(f, i);

        if (kv->key.len >= n && !memcmp(kv->key.data, prefix, n))
            x->rc = gguf_writer_add_kv(x->w, kv);
    }
}

/* --- vocabularies --- */

enum { KIND_WORD = 1, KIND_UNKNOWN = 2, KIND_CONTROL = 3, KIND_BYTE = 6 };

struct vocabulary {
    struct strbuf texts, scores, kinds;
    int64_t n;
};

static void token_add(struct vocabulary *v, const char *text, int32_t kind)
{
    float score = kind == KIND_WORD ? (float)-v->n : 0;

    metadata_append_string(&v->texts, text);
    strbuf_add(&v->scores, &score, sizeof score);
    strbuf_add(&v->kinds, &kind, sizeof kind);
    v->n++;
}

static void vocabulary_write(struct metadata *x, struct vocabulary *v, const char *model)
{
    metadata_string(x, "tokenizer.ggml.model", model);
    metadata_array(x, "tokenizer.ggml.tokens", GGUF_STRING, v->n, &v->texts);
    metadata_array(x, "tokenizer.ggml.scores", GGUF_F32, v->n, &v->scores);
    metadata_array(x, "tokenizer.ggml.token_type", GGUF_I32, v->n, &v->kinds);
    strbuf_deinit(&v->texts);
    strbuf_deinit(&v->scores);
    strbuf_deinit(&v->kinds);
}

/* U+2581 stands for the space before a word. */
static void words_fill(struct vocabulary *v, int64_t n)
{
    while (v->n < n) {
        char text[32];

        snprintf(text, sizeof text, "\xe2\x96\x81w%" PRId64, v->n);
        token_add(v, text, KIND_WORD);
    }
}

void metadata_words(struct metadata *x, int64_t n)
{
    struct vocabulary v = {0};

    token_add(&v, "<unk>", KIND_UNKNOWN);
    token_add(&v, "<s>", KIND_CONTROL);
    token_add(&v, "</s>", KIND_CONTROL);
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];

        snprintf(text, sizeof text, "<0x%02X>", byte);
        token_add(&v, text, KIND_BYTE);
    }
    words_fill(&v, n);
    vocabulary_write(x, &v, "llama");
    metadata_u32(x, "tokenizer.ggml.unknown_token_id", 0);
    metadata_u32(x, "tokenizer.ggml.bos_token_id", 1);
    metadata_u32(x, "tokenizer.ggml.eos_token_id", 2);
}

/* GGUF marks the beginning of a word (U+2581) where BERT's own files mark the continuation (##). */
static void piece_add(struct vocabulary *v, const char *piece)
{
    char text[32];

    snprintf(text, sizeof text, "\xe2\x96\x81%s", piece);
    token_add(v, text, KIND_WORD);
    token_add(v, piece, KIND_WORD);
}

void metadata_word_pieces(struct metadata *x, int64_t n)
{
    static const char *const special[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    static const char *const pieces[] = {
        "the",      "ing",      "and",      "er",       "th",       "in",           "hello",
        "world",    "un",       "able",     "ed",       "ness",     "ion",          "re",
        "\xc3\xa6", "\xc3\xb8", "\xce\xb1", "\xce\xb2", "\xd0\xb6", "\xe4\xb8\xad", "\xe6\x96\x87",
        "20",       "19",       "don",      "can"};
    struct vocabulary v = {0};

    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        token_add(&v, special[i], i == 1 ? KIND_UNKNOWN : KIND_CONTROL);
    for (char c = '!'; c <= '~'; c++)
        if (c < 'A' || c > 'Z')
            piece_add(&v, (char[]){c, 0});
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        piece_add(&v, pieces[i]);
    words_fill(&v, n);
    vocabulary_write(x, &v, "bert");
    metadata_u32(x, "tokenizer.ggml.token_type_count", 2);
    metadata_u32(x, "tokenizer.ggml.padding_token_id", 0);
    metadata_u32(x, "tokenizer.ggml.unknown_token_id", 1);
    metadata_u32(x, "tokenizer.ggml.cls_token_id", 2);
    metadata_u32(x, "tokenizer.ggml.bos_token_id", 2);
    metadata_u32(x, "tokenizer.ggml.eos_token_id", 3);
    metadata_u32(x, "tokenizer.ggml.seperator_token_id", 3);
    metadata_u32(x, "tokenizer.ggml.mask_token_id", 4);
}
