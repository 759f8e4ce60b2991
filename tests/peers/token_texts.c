/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/token_texts.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PIECES = 24 };

/* A kind of character: what is in [first, last], once or in a run. */
static const struct range {
    uint32_t first, last;
    unsigned longest; /* of a run */
} ranges[] = {
    {'a', 'z', 9},         {'A', 'Z', 6},         {'0', '9', 12},        {' ', ' ', 6},
    {'\n', '\n', 4},       {'\t', '\t', 3},       {'\r', '\r', 2},       {'!', '/', 4},
    {':', '@', 3},         {'[', '`', 2},         {'{', '~', 2},         {0x01, 0x1f, 2},
    {0x7f, 0xa0, 2},       {0xa1, 0xbf, 2},       {0xc0, 0x17f, 6},      {0x300, 0x36f, 3},
    {0x391, 0x3c9, 6},     {0x410, 0x44f, 8},     {0x5d0, 0x5ea, 5},     {0x620, 0x64a, 6},
    {0x64b, 0x655, 2},     {0x660, 0x669, 5},     {0x905, 0x939, 4},     {0x93e, 0x94d, 2},
    {0x966, 0x96f, 4},     {0xe01, 0xe3a, 6},     {0x1100, 0x11ff, 3},   {0x1e00, 0x1eff, 4},
    {0x2000, 0x200f, 2},   {0x2010, 0x2029, 2},   {0x202a, 0x206f, 1},   {0x2070, 0x209c, 3},
    {0x20a0, 0x20c0, 1},   {0x2150, 0x2188, 3},   {0x2190, 0x23ff, 2},   {0x2460, 0x24ff, 3},
    {0x3000, 0x303f, 2},   {0x3041, 0x3096, 5},   {0x30a1, 0x30fa, 5},   {0x3400, 0x4dbf, 3},
    {0x4e00, 0x9fff, 6},   {0xac00, 0xd7a3, 5},   {0xe000, 0xe0ff, 1},   {0xfb00, 0xfb06, 2},
    {0xfe00, 0xfe0f, 1},   {0xff01, 0xff5e, 4},   {0x10000, 0x100ff, 2}, {0x1d400, 0x1d7ff, 3},
    {0x1f300, 0x1f64f, 3}, {0x1f1e6, 0x1f1ff, 2}, {0x20000, 0x2a6df, 2}, {0xa1, 0xd7ff, 2},
    {0xe000, 0x10ffff, 2},
};

static const char *const phrases[] = {
    "'s",
    "'S",
    "'t",
    "'re",
    "'RE",
    "'ve",
    "'m",
    "'ll",
    "'LL",
    "'d",
    "\xe2\x80\x99s",
    "don't",
    " I'M",
    "Hello",
    " world",
    " the",
    "camelCaseWord",
    " HTTPServer",
    "iPhone",
    "C++",
    "foo_bar",
    "3.14159",
    "1,234,567",
    "2024-01-31",
    "0x1F",
    "1st",
    "http://a.b/c?d=e&f=1",
    "e-mail@x.org",
    "\r\n",
    "\n\n",
    " \n",
    "\n ",
    "  \t",
    "\t\t\n",
    "...",
    "---",
    "!=",
    "==>",
    "/*",
    "*/",
    "//",
    "#include",
    "();\n",
    "<|endoftext|>",
    "<s>",
    "</s>",
    "<|im_start|>",
    "<|user|>",
    "[CLS]",
    "[MASK]",
    "<unk>",
    "<0x41>",
    "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
    "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa",
    "\xe2\x9d\xa4\xef\xb8\x8f",
    "e\xcc\x81",
    "\xe2\x96\x81",
    " \xe2\x96\x81 ",
    "\xc2\xa0",
    "\xe3\x80\x80",
    "\xe4\xbd\xa0\xe5\xa5\xbd",
    "\xe2\x80\x8b",
    "\xc3\x9f",
    "\xc4\xb0",
    "\xef\xac\x81",
    "\xe2\x85\xab",
    "\xc2\xbd",
    "\xd9\xa3\xd9\xa4",
};

/* --- generated ones --- */

static void code_point_add(struct strbuf *s, uint32_t c)
{
    unsigned char b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        b[i] = (unsigned char)(0x80 | (c & 63));
    b[0] = (unsigned char)(lead[n - 1] | c);
    strbuf_add(s, b, n);
}

static void piece_add(struct strbuf *s, struct rng *rng)
{
    const struct range *r = &ranges[rng_below(rng, sizeof ranges / sizeof *ranges)];
    uint64_t n = 1 + rng_below(rng, r->longest);

    if (rng_below(rng, 4) == 0) {
        const char *phrase = phrases[rng_below(rng, sizeof phrases / sizeof *phrases)];

        strbuf_add(s, phrase, strlen(phrase));
        return;
    }
    if (rng_below(rng, 3) == 0)
        strbuf_add(s, " ", 1);
    while (n--)
        code_point_add(s, r->first + (uint32_t)rng_below(rng, r->last - r->first + 1));
}

/* --- the list --- */

static int text_add(struct token_texts *t, struct strbuf text)
{
    struct strbuf *more = realloc(t->text, (t->n + 1) * sizeof *more);

    if (!more) {
        strbuf_deinit(&text);
        return err_set(ERR_NOMEM, "no memory for texts");
    }
    t->text = more;
    t->text[t->n++] = text;
    if (text.len > t->longest)
        t->longest = text.len;
    return 0;
}

/* Texts between lines of __ggml_vocab_test__. */
static int file_add(struct token_texts *t, const char *shared, const char *name)
{
    static const char separator[] = "\n__ggml_vocab_test__\n";
    struct strbuf all = {0};
    char path[4096];
    int rc = 0;

    snprintf(path, sizeof path, "%s/tokenizers/ggml-vocab-%s.gguf.inp", shared, name);
    TRY(file_read(path, &all));
    for (const char *at = strbuf_str(&all), *end; rc == 0 && at; at = end) {
        struct strbuf text = {0};

        end = strstr(at, separator);
        strbuf_add(&text, at, end ? (size_t)(end - at) : strlen(at));
        rc = text_add(t, text);
        if (end)
            end += sizeof separator - 1;
    }
    strbuf_deinit(&all);
    return rc;
}

int token_texts_open(const char *shared, size_t n_generated, struct token_texts *out)
{
    struct rng rng;
    int rc;

    *out = (struct token_texts){0};
    rng_init(&rng, 11);
    /* The same texts come with all vocabularies. */
    rc = file_add(out, shared, "gpt-2");
    for (size_t i = 0; rc == 0 && i < n_generated; i++) {
        uint64_t n = 1 + rng_below(&rng, MAX_PIECES);
        struct strbuf text = {0};

        while (n--)
            piece_add(&text, &rng);
        rc = text_add(out, text);
    }
    if (rc < 0)
        token_texts_close(out);
    return rc;
}

void token_texts_close(struct token_texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        strbuf_deinit(&t->text[i]);
    free(t->text);
    *t = (struct token_texts){0};
}
