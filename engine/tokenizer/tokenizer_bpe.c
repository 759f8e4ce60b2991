/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer_bpe.c: byte-level BPE (Radford et al. 2019). A regular expression cuts the text into
 * words; inside a word every byte is a symbol and the adjacent pair of least rank in the list of
 * merges joins first. The vocabulary writes each byte as one printable character. */
#include "engine/tokenizer/tokenizer_internal.h"

#include "engine/tokenizer/pre_tokenizer.h"
#include "engine/tokenizer/utf8.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Rank and result of joining two tokens; left < 0 marks a free place. */
struct merge_rule {
    int32_t left, right, id;
    uint32_t rank;
};

struct bpe {
    struct pre_tokenizer *pre;
    struct pre_traits traits;
    struct merge_rule *rules; /* open addressing */
    size_t rules_mask;
    struct id_list no_byte; /* what stands for a byte without a token */
};

/* --- bytes as characters --- */

/* Printable bytes of Latin-1 stand for themselves, the others for U+0100 onwards in their order. */
static bool byte_is_itself(unsigned b)
{
    return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
}

static unsigned byte_to_code_point(unsigned byte)
{
    unsigned shifted = 0x100;

    if (byte_is_itself(byte))
        return byte;
    for (unsigned b = 0; b < byte; b++)
        shifted += !byte_is_itself(b);
    return shifted;
}

/* -1 when no byte is written as this character. */
static int code_point_to_byte(unsigned c)
{
    if (c < 0x100)
        return byte_is_itself(c) ? (int)c : -1;
    for (unsigned b = 0; b < 0x100; b++)
        if (!byte_is_itself(b) && c-- == 0x100)
            return (int)b;
    return -1;
}

/* All characters of the table have one or two bytes of UTF-8. */
static size_t byte_to_utf8(unsigned byte, char out[2])
{
    unsigned c = byte_to_code_point(byte);

    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3f));
    return 2;
}

void tokenizer__bpe_piece(const struct token *token, struct strbuf *out)
{
    const char *s = token->text.data;

    for (size_t i = 0, n; i < token->text.len; i += n) {
        unsigned lead = (unsigned char)s[i];
        int byte = -1;

        n = utf8_char_bytes(s + i, token->text.len - i);
        n = n ? n : 1;
        if (lead < 0x80)
            byte = code_point_to_byte(lead);
        else if (n == 2)
            byte = code_point_to_byte((lead & 0x1f) << 6 | ((unsigned char)s[i + 1] & 0x3f));
        if (byte >= 0)
            strbuf_add(out, &(char){(char)byte}, 1);
        else
            strbuf_add(out, s + i, n); /* text that was added to the vocabulary as it is */
    }
}

/* --- opening --- */

static struct merge_rule *rule_slot(const struct bpe *bpe, int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(h >> 32 ^ h) & bpe->rules_mask;

    while (bpe->rules[i].left >= 0 && (bpe->rules[i].left != left || bpe->rules[i].right != right))
        i = (i + 1) & bpe->rules_mask;
    return &bpe->rules[i];
}

/* "left right", separated by the one space that byte-level text cannot contain. */
static int rule_parse(const struct tokenizer *t, struct gguf_string s, struct merge_rule *out,
                      struct strbuf *joined)
{
    const char *space = s.len > 2 ? memchr(s.data + 1, ' ', s.len - 2) : NULL;
    size_t left;

    if (!space)
        return ERR_FORMAT;
    left = (size_t)(space - s.data);
    strbuf_clear(joined);
    strbuf_add(joined, s.data, left);
    strbuf_add(joined, space + 1, s.len - left - 1);
    out->left = tokenizer__find(t, s.data, left);
    out->right = tokenizer__find(t, space + 1, s.len - left - 1);
    out->id = tokenizer__find(t, joined->data, joined->len);
    return out->left < 0 || out->right < 0 || out->id < 0 ? ERR_FORMAT : 0;
}

static int merges_build(const struct tokenizer *t, const struct gguf_string *merges, uint64_t n)
{
    struct strbuf joined = {0};
    int rc = 0;

    for (uint64_t i = 0; i < n && !rc; i++) {
        struct merge_rule rule = {.rank = (uint32_t)i};

        if (rule_parse(t, merges[i], &rule, &joined)) {
            rc = err_set(ERR_FORMAT,
                         "tokenizer.ggml.merges: entry %" PRIu64 " (%.*s) does not "
                         "join two tokens to a third",
                         i, (int)(merges[i].len < 64 ? merges[i].len : 64), merges[i].data);
        } else {
            struct merge_rule *slot = rule_slot(t->bpe, rule.left, rule.right);

            if (slot->left < 0) /* of two equal rules the first has the lower rank */
                *slot = rule;
        }
    }
    strbuf_deinit(&joined);
    return rc;
}

static int merges_load(const struct tokenizer *t, const struct gguf_file *f)
{
    const struct gguf_kv *kv = gguf_kv_find(f, "tokenizer.ggml.merges");
    struct bpe *bpe = t->bpe;
    struct gguf_string *merges;
    size_t size = 16;
    int rc;

    if (!kv || kv->type != GGUF_ARRAY || kv->element_type != GGUF_STRING ||
        kv->count > UINT32_MAX / 4)
        return err_set(ERR_FORMAT, "tokenizer.ggml.merges: %s",
                       kv ? "not an array of strings" : "the key is missing");
    while (size < 2 * kv->count)
        size *= 2;
    bpe->rules = malloc(size * sizeof *bpe->rules);
    merges = malloc((kv->count + 1) * sizeof *merges);
    if (!bpe->rules || !merges) {
        free(merges);
        return err_set(ERR_NOMEM, "tokenizer: no memory for %" PRIu64 " merges", kv->count);
    }
    memset(bpe->rules, 0xff, size * sizeof *bpe->rules);
    bpe->rules_mask = size - 1;
    rc = gguf_array_strings(kv, merges);
    if (!rc)
        rc = merges_build(t, merges, kv->count);
    free(merges);
    return rc;
}

/* --- encoding --- */

static bool bpe_merge(const struct tokenizer *t, const char *text, const struct symbol *a,
                      const struct symbol *b, struct merge *out)
{
    const struct merge_rule *rule = rule_slot(t->bpe, a->id, b->id);

    (void)text;
    if (rule->left < 0)
        return false;
    *out = (struct merge){.cost = rule->rank, .id = rule->id};
    return true;
}

/* The id of the whole word when it is a token by itself, else -1. */
static int32_t word_find(const struct tokenizer *t, const char *word, size_t len)
{
    struct strbuf s = {0};
    int32_t id;

    for (size_t i = 0; i < len; i++) {
        char utf8[2];

        strbuf_add(&s, utf8, byte_to_utf8((unsigned char)word[i], utf8));
    }
    id = tokenizer__find(t, s.data, s.len);
    strbuf_deinit(&s);
    return id;
}

struct encoding {
    const struct tokenizer *t;
    struct id_list *out;
};

static int word_encode(void *context, const char *word, size_t len)
{
    const struct encoding *e = context;
    const struct bpe *bpe = e->t->bpe;
    int32_t whole = bpe->traits.whole_words ? word_find(e->t, word, len) : -1;
    struct symbol *symbols;

    if (whole >= 0) {
        tokenizer__id_add(e->out, whole);
        return 0;
    }
    symbols = malloc(len * sizeof *symbols);
    if (!symbols)
        return err_set(ERR_NOMEM, "tokenizer: no memory for a word of %zu bytes", len);
    for (size_t i = 0; i < len; i++)
        symbols[i] = (struct symbol){
            .start = (uint32_t)i, .len = 1, .id = e->t->byte_id[(unsigned char)word[i]]};
    tokenizer__merge(e->t, word, symbols, len, bpe_merge);
    for (size_t i = 0; i < len; i++)
        if (symbols[i].len && symbols[i].id >= 0)
            tokenizer__id_add(e->out, symbols[i].id);
        else if (symbols[i].len)
            for (size_t k = 0; k < bpe->no_byte.n; k++)
                tokenizer__id_add(e->out, bpe->no_byte.ids[k]);
    free(symbols);
    return 0;
}

/* Bytes from s on that are, all of them, characters (or that are, all of them, none). */
static size_t run_length(const char *s, size_t len, bool characters)
{
    size_t at = 0, n;

    while (at < len) {
        n = utf8_char_bytes(s + at, len - at);
        if ((n > 0) != characters)
            break;
        at += n ? n : 1;
    }
    return at;
}

/* The text is checked here, once: PCRE2 would check all of it again for every word. Bytes that are
 * no UTF-8 make words of their own. */
int tokenizer__bpe_encode(const struct tokenizer *t, const char *text, size_t len,
                          struct id_list *out)
{
    struct encoding e = {t, out};

    for (size_t at = 0, n; at < len; at += n) {
        n = run_length(text + at, len - at, true);
        if (n) {
            TRY(pre_tokenizer_split(t->bpe->pre, text + at, n, word_encode, &e));
        } else {
            n = run_length(text + at, len - at, false);
            TRY(word_encode(&e, text + at, n));
        }
    }
    return 0;
}

/* --- opening and closing --- */

/* U+FFFD stands for a byte without a token (vocabularies made from text lack those that UTF-8 never
 * uses); without tokens for that either it is the unknown token, or nothing. */
static int no_byte_set(struct tokenizer *t)
{
    static const char replacement[] = "\xef\xbf\xbd";
    struct encoding e = {t, &t->bpe->no_byte};

    for (size_t i = 0; i < 3; i++)
        if (t->byte_id[(unsigned char)replacement[i]] < 0) {
            if (t->unk >= 0)
                tokenizer__id_add(&t->bpe->no_byte, t->unk);
            return 0;
        }
    return word_encode(&e, replacement, 3);
}

int tokenizer__bpe_open(struct tokenizer *t, const struct gguf_file *f)
{
    struct gguf_string pre = {"default", 7};
    struct bpe *bpe = calloc(1, sizeof *bpe);

    if (!bpe)
        return err_set(ERR_NOMEM, "tokenizer: no memory");
    t->bpe = bpe;
    TRY(gguf_get_string(f, "tokenizer.ggml.pre", &pre));
    TRY(pre_tokenizer_open(pre, &bpe->pre, &bpe->traits));
    TRY(merges_load(t, f));
    t->add_bos = bpe->traits.add_bos;
    for (unsigned b = 0; b < 256; b++) {
        char s[2];
        int32_t id = tokenizer__find(t, s, byte_to_utf8(b, s));

        /* an added token with this text is a character of text, not a byte */
        t->byte_id[b] = id >= 0 && t->tokens[id].type == TOKEN_NORMAL ? id : -1;
    }
    return no_byte_set(t);
}

void tokenizer__bpe_close(struct tokenizer *t)
{
    if (!t->bpe)
        return;
    pre_tokenizer_close(&t->bpe->pre);
    free(t->bpe->rules);
    free(t->bpe->no_byte.ids);
    free(t->bpe);
    t->bpe = NULL;
}
