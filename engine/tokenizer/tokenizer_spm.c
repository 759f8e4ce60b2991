/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer_spm.c: SentencePiece BPE (Kudo and Richardson 2018; Sennrich et al. 2016 for the
 * merges). Spaces become U+2581, characters are the first symbols, the adjacent pair whose joined
 * text has the best score merges first, and what no token covers falls back to byte tokens.
 *
 * One addition to the classical algorithm: a U+2581 that stands in the text itself is spelt with
 * byte tokens, or it would come back as a space. */
#include "engine/tokenizer/tokenizer_internal.h"

#include "engine/tokenizer/utf8.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <string.h>

static const char space_mark[] = "\xe2\x96\x81"; /* U+2581 */
enum { SPACE_MARK_LEN = 3 };

/* Symbols of this id never merge. */
enum { SYMBOL_LITERAL = -2 };

static bool is_space_mark(const char *s, size_t len)
{
    return len >= SPACE_MARK_LEN && !memcmp(s, space_mark, SPACE_MARK_LEN);
}

/* The byte that a token like <0x0A> stands for, -1 if it is not of that form. */
static int byte_of(struct gguf_string s)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *high, *low;

    if (s.len != 6 || memcmp(s.data, "<0x", 3) || s.data[5] != '>' || !s.data[3] || !s.data[4])
        return -1;
    high = strchr(digits, s.data[3]);
    low = strchr(digits, s.data[4]);
    return high && low ? (int)(high - digits) << 4 | (int)(low - digits) : -1;
}

/* True when a space mark stands behind another character, as in "a_b", but not in "__a". */
static bool has_inner_space(struct gguf_string s)
{
    for (size_t i = 1; i < s.len; i++)
        if (is_space_mark(s.data + i, s.len - i) &&
            (i < SPACE_MARK_LEN || !is_space_mark(s.data + i - SPACE_MARK_LEN, SPACE_MARK_LEN)))
            return true;
    return false;
}

int tokenizer__spm_open(struct tokenizer *t, const struct gguf_file *f)
{
    bool complete = true;

    t->add_bos = true;
    t->space_prefix = true;
    t->words_apart = true;
    TRY(gguf_get_bool(f, "tokenizer.ggml.add_space_prefix", &t->space_prefix));
    for (int32_t id = 0; id < t->n_vocab; id++) {
        int byte = t->tokens[id].type == TOKEN_BYTE ? byte_of(t->tokens[id].text) : -1;

        if (t->tokens[id].type == TOKEN_BYTE && byte < 0)
            return err_set(ERR_FORMAT,
                           "tokenizer.ggml.tokens: byte token %d is not of the form "
                           "<0xXX>",
                           (int)id);
        if (byte >= 0 && t->byte_id[byte] < 0)
            t->byte_id[byte] = id;
        if (t->tokens[id].type == TOKEN_NORMAL && has_inner_space(t->tokens[id].text))
            t->words_apart = false;
    }
    for (int b = 0; b < 256; b++)
        complete = complete && t->byte_id[b] >= 0;
    if (!complete && t->unk < 0)
        return err_set(ERR_FORMAT, "tokenizer.ggml.tokens: neither a token for every byte nor an "
                                   "unknown token");
    return 0;
}

static bool spm_merge(const struct tokenizer *t, const char *text, const struct symbol *a,
                      const struct symbol *b, struct merge *out)
{
    if (a->id == SYMBOL_LITERAL || b->id == SYMBOL_LITERAL)
        return false;
    out->id = tokenizer__find(t, text + a->start, a->len + b->len);
    if (out->id < 0)
        return false;
    out->cost = -t->tokens[out->id].score;
    return true;
}

/* Byte tokens for one symbol; a single unknown token when the vocabulary lacks one of them. */
static void spell(const struct tokenizer *t, const char *s, size_t len, struct id_list *out)
{
    for (size_t i = 0; i < len; i++)
        if (t->byte_id[(unsigned char)s[i]] < 0) {
            tokenizer__id_add(out, t->unk);
            return;
        }
    for (size_t i = 0; i < len; i++)
        tokenizer__id_add(out, t->byte_id[(unsigned char)s[i]]);
}

/* One symbol per character of the escaped text, which grows in *escaped. Returns their number. */
static size_t symbols_make(const struct tokenizer *t, const char *text, size_t len,
                           struct strbuf *escaped, struct symbol *symbols)
{
    size_t n = 0;

    if (t->space_prefix) {
        strbuf_add(escaped, space_mark, SPACE_MARK_LEN);
        symbols[n++] = (struct symbol){.len = SPACE_MARK_LEN,
                                       .id = tokenizer__find(t, space_mark, SPACE_MARK_LEN)};
    }
    for (size_t at = 0; at < len;) {
        bool space = text[at] == ' ';
        size_t character = utf8_char_bytes(text + at, len - at);
        size_t bytes = character ? character : 1; /* a stray byte is a symbol of its own */
        struct symbol *s = &symbols[n++];

        *s = (struct symbol){.start = (uint32_t)escaped->len,
                             .len = space ? SPACE_MARK_LEN : (uint32_t)bytes};
        strbuf_add(escaped, space ? space_mark : text + at, s->len);
        s->id = is_space_mark(text + at, bytes)
                    ? SYMBOL_LITERAL
                    : tokenizer__find(t, escaped->data + s->start, s->len);
        at += bytes;
    }
    return n;
}

/* A space of the text (or its prefix), not a literal U+2581. */
static bool symbol_is_space(const struct symbol *s, const char *escaped)
{
    return s->id != SYMBOL_LITERAL && is_space_mark(escaped + s->start, s->len);
}

/* Merge word by word where no token can reach over the beginning of a word: the same result from
 * heaps that stay in cache. */
static void words_merge(const struct tokenizer *t, const char *escaped, struct symbol *symbols,
                        size_t n)
{
    size_t start = 0;

    for (size_t i = 1; i < n && t->words_apart; i++)
        if (symbol_is_space(&symbols[i], escaped) && !symbol_is_space(&symbols[i - 1], escaped)) {
            tokenizer__merge(t, escaped, symbols + start, i - start, spm_merge);
            start = i;
        }
    tokenizer__merge(t, escaped, symbols + start, n - start, spm_merge);
}

int tokenizer__spm_encode(const struct tokenizer *t, const char *text, size_t len,
                          struct id_list *out)
{
    struct symbol *symbols = malloc((len + 1) * sizeof *symbols);
    struct strbuf escaped = {0};
    size_t n;

    if (!symbols)
        return err_set(ERR_NOMEM, "tokenizer: no memory for a text of %zu bytes", len);
    n = symbols_make(t, text, len, &escaped, symbols);
    words_merge(t, escaped.data, symbols, n);
    for (size_t i = 0; i < n; i++) {
        const struct symbol *s = &symbols[i];

        if (!s->len)
            continue;
        if (s->id >= 0)
            tokenizer__id_add(out, s->id);
        else if (symbol_is_space(s, escaped.data))
            spell(t, " ", 1, out); /* a vocabulary without a token for the lone mark */
        else
            spell(t, escaped.data + s->start, s->len, out);
    }
    free(symbols);
    strbuf_deinit(&escaped);
    return 0;
}

void tokenizer__spm_piece(const struct token *token, struct strbuf *out)
{
    int byte = token->type == TOKEN_BYTE ? byte_of(token->text) : -1;

    if (byte >= 0) {
        strbuf_add(out, &(char){(char)byte}, 1);
        return;
    }
    for (size_t i = 0; i < token->text.len;) {
        bool mark = is_space_mark(token->text.data + i, token->text.len - i);

        strbuf_add(out, mark ? " " : token->text.data + i, 1);
        i += mark ? SPACE_MARK_LEN : 1;
    }
}
