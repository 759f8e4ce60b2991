/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_tokenizer.c: any bytes as a text for a small vocabulary. The first byte chooses its kind and
 * whether special tokens are parsed, the second the pre-tokeniser. SPM and BPE must give the text
 * back; WordPiece must read its own output as the same words. */
#include "engine/tokenizer/pre_tokenizer.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/engine/tiny_vocab.h"
#include "tests/fuzz/fuzz_targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_PRE = 64 };

static void fail(const char *what)
{
    fprintf(stderr, "fuzz_tokenizer: %s\n", what);
    abort();
}

/* Each vocabulary is opened once and kept. */
static const struct tokenizer *vocab_get(enum tiny_vocab_kind kind, size_t pre)
{
    static struct {
        struct strbuf bytes;
        struct gguf_file *file;
        struct tokenizer *t;
    } vocabs[N_TINY_VOCAB_KINDS][MAX_PRE], *v;
    const char *names = pre_tokenizer_names(pre);
    char name[64];

    v = &vocabs[kind][pre];
    if (v->t)
        return v->t;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(names, " "), names);
    tiny_vocab_build(&v->bytes, kind, kind == TINY_VOCAB_BPE ? name : NULL);
    if (gguf_open_memory(v->bytes.data, v->bytes.len, "vocabulary", &v->file) ||
        tokenizer_open(v->file, &v->t))
        fail("the vocabulary does not open");
    return v->t;
}

static void ids_check(const struct tokenizer *t, const int32_t *ids, size_t n, struct strbuf *text)
{
    if (tokenizer_decode(t, ids, n, text))
        fail("an id outside the vocabulary");
}

/* Words of WordPiece, unless one of them was unknown, are words again. */
static void words_check(const struct tokenizer *t, const int32_t *ids, size_t n,
                        const struct strbuf *text)
{
    size_t n_again;
    int32_t *again;

    for (size_t i = 0; i < n; i++)
        if (ids[i] == 0)
            return;
    if (tokenizer_encode(t, strbuf_str(text), text->len, 0, &again, &n_again))
        fail("words do not encode");
    if (n_again != n || (n && memcmp(again, ids, n * sizeof *ids)))
        fail("words are not the same words again");
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n_pre = 0, n;
    struct strbuf text = {0};
    const struct tokenizer *t;
    unsigned kind, flags;
    int32_t *ids;

    while (n_pre < MAX_PRE && pre_tokenizer_names(n_pre))
        n_pre++;
    if (size < 2)
        return 0;
    kind = data[0] % N_TINY_VOCAB_KINDS;
    flags = data[0] & 0x80 ? TOKENIZER_PARSE_SPECIAL | TOKENIZER_ADD_SPECIAL : 0;
    t = vocab_get(kind, kind == TINY_VOCAB_BPE ? data[1] % n_pre : 0);
    data += 2;
    size -= 2;
    if (tokenizer_encode(t, (const char *)data, size, flags, &ids, &n))
        return 0; /* PCRE2's limits */
    ids_check(t, ids, n, &text);
    if (!flags && kind == TINY_VOCAB_WPM)
        words_check(t, ids, n, &text);
    else if (!flags && (text.len != size || (size && memcmp(text.data, data, size))))
        fail("the text is not the same again");
    free(ids);
    strbuf_deinit(&text);
    return 0;
}
