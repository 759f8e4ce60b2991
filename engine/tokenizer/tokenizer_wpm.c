/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer_wpm.c: WordPiece (Schuster and Nakajima 2012) as BERT uses it (Devlin et al. 2018): the
 * text is cleaned and cut into words, each punctuation mark and each Chinese character a word of
 * its own; a word becomes the longest tokens that it begins with, one after the other, or as a
 * whole the unknown token. GGUF writes U+2581 before a token that begins a word, in place of the
 * ## before one that does not. */
#include "engine/tokenizer/tokenizer_internal.h"

#include "engine/tokenizer/utf8.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <utf8proc.h>

static const char word_mark[] = "\xe2\x96\x81"; /* U+2581 */

int tokenizer__wpm_open(struct tokenizer *t, const struct gguf_file *f)
{
    struct wpm *w = &t->wpm;

    if (t->unk < 0)
        return err_set(ERR_FORMAT, "tokenizer.ggml.tokens: a WordPiece vocabulary without an "
                                   "unknown token");
    t->add_bos = true;
    t->add_sep = true;
    t->space_prefix = true;
    w->lowercase = true;
    TRY(gguf_get_bool(f, "tokenizer.ggml.add_sep_token", &t->add_sep));
    TRY(gguf_get_bool(f, "tokenizer.ggml.normalizer.lowercase", &w->lowercase));
    w->strip_accents = w->lowercase;
    TRY(gguf_get_bool(f, "tokenizer.ggml.normalizer.strip_accents", &w->strip_accents));
    t->add_sep = t->add_sep && t->sep >= 0;
    for (int32_t id = 0; id < t->n_vocab; id++)
        if (t->tokens[id].type == TOKEN_NORMAL && t->tokens[id].text.len > w->longest)
            w->longest = t->tokens[id].text.len;
    return 0;
}

/* --- characters --- */

static bool is_white_space(int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);

    return c == '\t' || c == '\n' || c == '\r' || category == UTF8PROC_CATEGORY_ZS ||
           category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

/* Control characters, formats and private use, and what stands for bytes that were no text. */
static bool is_dropped(int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);

    return c == 0xfffd || category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
           category == UTF8PROC_CATEGORY_CS || category == UTF8PROC_CATEGORY_CO;
}

static bool is_punctuation(int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);
    bool ascii = (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
                 (c >= '{' && c <= '~');

    return ascii || (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO);
}

/* The blocks of CJK ideographs that BERT's tokenizer sets apart. */
static bool is_chinese(int32_t c)
{
    static const struct {
        int32_t first, last;
    } blocks[] = {
        {0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df}, {0x2a700, 0x2b73f},
        {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0xf900, 0xfaff},   {0x2f800, 0x2fa1f},
    };

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (c >= blocks[i].first && c <= blocks[i].last)
            return true;
    return false;
}

/* The code points of the text, decomposed (NFD) where accents are to go; bytes that are no UTF-8
 * are left out. *points is malloc'ed. */
static int points_read(const struct wpm *w, const char *text, size_t len, int32_t **points,
                       size_t *n)
{
    int options = w->strip_accents ? UTF8PROC_STABLE | UTF8PROC_DECOMPOSE : 0;
    struct strbuf valid = {0};
    utf8proc_ssize_t got = -1;

    for (size_t at = 0, bytes; at < len; at += bytes ? bytes : 1) {
        bytes = utf8_char_bytes(text + at, len - at);
        strbuf_add(&valid, text + at, bytes);
    }
    *n = 0;
    *points = malloc((4 * valid.len + 1) * sizeof **points); /* NFD: at most 4 for one */
    if (*points)
        got = utf8proc_decompose((const utf8proc_uint8_t *)strbuf_str(&valid),
                                 (utf8proc_ssize_t)valid.len, *points,
                                 (utf8proc_ssize_t)(4 * valid.len), (utf8proc_option_t)options);
    strbuf_deinit(&valid);
    if (got < 0 || (size_t)got > 4 * len) {
        free(*points);
        return err_set(ERR_NOMEM, "tokenizer: no memory for a text of %zu bytes", len);
    }
    *n = (size_t)got;
    return 0;
}

/* --- words --- */

static void word_encode(const struct tokenizer *t, const struct strbuf *word, struct id_list *out)
{
    size_t n_before = out->n;

    for (size_t at = 0, len; at < word->len; at += len) {
        int32_t id = -1;

        len = word->len - at < t->wpm.longest ? word->len - at : t->wpm.longest;
        while (len && (id = tokenizer__find(t, word->data + at, len)) < 0)
            len--;
        if (id < 0) {
            out->n = n_before;
            tokenizer__id_add(out, t->unk);
            return;
        }
        tokenizer__id_add(out, id);
    }
}

/* The word collected so far, if there is one, becomes tokens; another begins. */
static void word_end(const struct tokenizer *t, struct strbuf *word, struct id_list *out)
{
    if (word->len > sizeof word_mark - 1)
        word_encode(t, word, out);
    strbuf_clear(word);
    strbuf_add(word, word_mark, sizeof word_mark - 1);
}

static void point_add(const struct tokenizer *t, int32_t c, struct strbuf *word,
                      struct id_list *out)
{
    bool alone = is_punctuation(c) || is_chinese(c);
    utf8proc_uint8_t bytes[4];

    if (alone)
        word_end(t, word, out);
    c = t->wpm.lowercase ? utf8proc_tolower(c) : c;
    strbuf_add(word, bytes, (size_t)utf8proc_encode_char(c, bytes));
    if (alone)
        word_end(t, word, out);
}

int tokenizer__wpm_encode(const struct tokenizer *t, const char *text, size_t len,
                          struct id_list *out)
{
    struct strbuf word = {0};
    int32_t *points;
    size_t n;

    TRY(points_read(&t->wpm, text, len, &points, &n));
    word_end(t, &word, out);
    for (size_t i = 0; i < n; i++) {
        int32_t c = points[i];

        if (is_white_space(c))
            word_end(t, &word, out);
        else if (!is_dropped(c) &&
                 !(t->wpm.strip_accents && utf8proc_category(c) == UTF8PROC_CATEGORY_MN))
            point_add(t, c, &word, out);
    }
    word_end(t, &word, out);
    free(points);
    strbuf_deinit(&word);
    return 0;
}
