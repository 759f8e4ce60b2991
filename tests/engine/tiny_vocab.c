/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/tiny_vocab.h"

#include "tests/engine/gguf_build.h"

struct vocab {
    struct strbuf texts, types, scores, merges;
    uint64_t n, n_merges;
};

static void token_add(struct vocab *v, struct tiny_token token)
{
    build_string(&v->texts, token.text);
    build_u32(&v->types, token.type);
    build_f32(&v->scores, token.score);
    v->n++;
}

/* The earlier tokens are the better ones. */
static void add(struct vocab *v, const char *text, uint32_t type)
{
    token_add(v, (struct tiny_token){text, type == TINY_NORMAL ? -(float)v->n : 0, type});
}

static void specials_add(struct vocab *v)
{
    add(v, "<unk>", TINY_UNKNOWN);
    add(v, TINY_VOCAB_CONTROL, TINY_CONTROL);
    add(v, TINY_VOCAB_USER, TINY_USER_DEFINED);
}

static void spm_fill(struct vocab *v)
{
    static const char *const words[] = {"\xe2\x96\x81",
                                        "t",
                                        "h",
                                        "e",
                                        "a",
                                        "n",
                                        "d",
                                        "1",
                                        "\xc3\xa9",
                                        "th",
                                        "the",
                                        "\xe2\x96\x81t",
                                        "\xe2\x96\x81the",
                                        "an",
                                        "and",
                                        "\xe2\x96\x81"
                                        "and",
                                        "\xe2\x96\x81\xe2\x96\x81",
                                        "e\xe2\x96\x81"};
    char text[8];

    specials_add(v);
    for (int b = 0; b < 256; b++) {
        snprintf(text, sizeof text, "<0x%02X>", b);
        add(v, text, TINY_BYTE);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        add(v, words[i], TINY_NORMAL);
}

/* GPT-2's printable character for a byte: itself in Latin-1, or one of those from U+0100 on. */
static void byte_text(int byte, char text[3])
{
    static const char *const printable = "!~\xa1\xac\xae\xff"; /* first and last of three ranges */
    int next = 0x100, point = -1;

    for (int b = 0; b <= byte; b++) {
        point = -1;
        for (int i = 0; i < 6; i += 2)
            if (b >= (unsigned char)printable[i] && b <= (unsigned char)printable[i + 1])
                point = b;
        point = point < 0 ? next++ : point;
    }
    memset(text, 0, 3);
    text[0] = (char)(point < 0x80 ? point : 0xc0 | point >> 6);
    if (point >= 0x80)
        text[1] = (char)(0x80 | (point & 0x3f));
}

static void bpe_fill(struct vocab *v)
{
    static const struct {
        const char *left, *right;
    } merges[] = {
        {"t", "h"},
        {"\xc4\xa0", "t"},
        {"th", "e"},
        {"\xc4\xa0t", "he"},
        {"h", "e"},
        {"\xc4\xa0", "\xc4\xa0"},
        {"a", "n"},
        {"an", "d"},
        {"1", "2"},
        {"12", "3"},
        {"\xc4\x8a", "\xc4\x8a"},
        {".", "."},
        {"\xc3\x83", "\xc2\xa9"}, /* the two bytes of U+00E9 */
    };
    char text[64];

    for (int b = 0; b < 256; b++) {
        byte_text(b, text);
        add(v, text, TINY_NORMAL);
    }
    for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
        snprintf(text, sizeof text, "%s%s", merges[i].left, merges[i].right);
        add(v, text, TINY_NORMAL);
        snprintf(text, sizeof text, "%s %s", merges[i].left, merges[i].right);
        build_string(&v->merges, text);
        v->n_merges++;
    }
    specials_add(v);
}

static void wpm_fill(struct vocab *v)
{
    static const char *const words[] = {"the", "th", "he", "ing", "and", "un", "12"};
    char text[16];

    specials_add(v);
    for (int c = '!'; c <= '~'; c++) {
        snprintf(text, sizeof text, "\xe2\x96\x81%c", c);
        add(v, text, TINY_NORMAL);
        add(v, text + 3, TINY_NORMAL);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        snprintf(text, sizeof text, "\xe2\x96\x81%s", words[i]);
        add(v, text, TINY_NORMAL);
        add(v, text + 3, TINY_NORMAL);
    }
}

static void array_build(struct strbuf *out, const char *key, uint32_t type, uint64_t n,
                        const struct strbuf *elements)
{
    build_kv_array(out, key, type, n);
    strbuf_add(out, strbuf_str(elements), elements->len);
}

/* Write what was collected, and let it go. */
static void vocab_write(struct strbuf *out, const char *model, struct vocab *v, bool merges,
                        const struct strbuf *extra, uint64_t n_extra)
{
    build_header(out, 0, 4 + merges + n_extra);
    build_kv_string(out, "tokenizer.ggml.model", model);
    array_build(out, "tokenizer.ggml.tokens", GGUF_STRING, v->n, &v->texts);
    array_build(out, "tokenizer.ggml.token_type", GGUF_I32, v->n, &v->types);
    array_build(out, "tokenizer.ggml.scores", GGUF_F32, v->n, &v->scores);
    if (merges)
        array_build(out, "tokenizer.ggml.merges", GGUF_STRING, v->n_merges, &v->merges);
    if (extra)
        strbuf_add(out, extra->data, extra->len);
    strbuf_deinit(&v->texts);
    strbuf_deinit(&v->types);
    strbuf_deinit(&v->scores);
    strbuf_deinit(&v->merges);
}

void tiny_vocab_write(struct strbuf *out, const char *model, const struct tiny_token *tokens,
                      size_t n, const struct strbuf *extra, uint64_t n_extra)
{
    struct vocab v = {0};

    for (size_t i = 0; i < n; i++)
        token_add(&v, tokens[i]);
    vocab_write(out, model, &v, false, extra, n_extra);
}

void tiny_vocab_build(struct strbuf *out, enum tiny_vocab_kind kind, const char *pre)
{
    static const char *const models[] = {"llama", "gpt2", "bert"};
    static void (*const fill[])(struct vocab *) = {spm_fill, bpe_fill, wpm_fill};
    struct strbuf extra = {0};
    struct vocab v = {0};

    fill[kind](&v);
    if (pre)
        build_kv_string(&extra, "tokenizer.ggml.pre", pre);
    vocab_write(out, models[kind], &v, kind == TINY_VOCAB_BPE, pre ? &extra : NULL, pre != NULL);
    strbuf_deinit(&extra);
}
