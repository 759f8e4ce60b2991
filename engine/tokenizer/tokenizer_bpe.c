/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer_bpe.c: byte-level BPE (Radford et al. 2019). A regular expression cuts the text into
 * words; inside a word every byte is a symbol and the adjacent pair of least rank in the list of
 * merges joins first. The vocabulary writes each byte as one printable character. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/tokenizer/tokenizer_internal.h"

#include "engine/tokenizer/utf8.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <inttypes.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* --- pre-tokenisers --- */

/* The published patterns. A file's pre-tokeniser may apply two in turn: the second cuts the pieces
 * that the first left, each seen alone (so its end is an end of text to the look-ahead). */
#define PATTERN_GPT2                                                                               \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define PATTERN_WORDS(digits)                                                                      \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits                           \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

enum { MAX_STAGES = 2 };

struct pre_tokenizer {
    const char *name; /* tokenizer.ggml.pre */
    const char *patterns[MAX_STAGES];
    bool whole_words; /* a word that is a token stays whole, whatever the merges say */
    bool add_bos;     /* unless the file says otherwise */
};

static const struct pre_tokenizer pre_tokenizers[] = {
    {"default", {PATTERN_GPT2}, false, false},
    {"gpt-2", {PATTERN_GPT2}, false, false},
    {"gpt2", {PATTERN_GPT2}, false, false},
    {"llama-bpe", {PATTERN_WORDS("\\p{N}{1,3}")}, true, true},
    {"qwen2", {PATTERN_WORDS("\\p{N}")}, false, false},
    {"starcoder", {"\\p{N}", PATTERN_GPT2}, false, false},
    {"smollm", {"\\p{N}", PATTERN_GPT2}, false, false},
};

/* Rank and result of joining two tokens; left < 0 marks a free place. */
struct merge_rule {
    int32_t left, right, id;
    uint32_t rank;
};

struct bpe {
    const struct pre_tokenizer *pre;
    pcre2_code *stages[MAX_STAGES];
    struct merge_rule *rules; /* open addressing */
    size_t rules_mask;
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

static int pre_unknown(struct gguf_string name)
{
    struct strbuf known = {0};
    int rc;

    for (size_t i = 0; i < sizeof pre_tokenizers / sizeof *pre_tokenizers; i++)
        strbuf_addf(&known, "%s%s", i ? ", " : "", pre_tokenizers[i].name);
    rc = err_set(ERR_UNSUPPORTED, "tokenizer.ggml.pre %.*s: known are %s",
                 (int)(name.len < 64 ? name.len : 64), name.data, strbuf_str(&known));
    strbuf_deinit(&known);
    return rc;
}

static int pre_find(const struct gguf_file *f, const struct pre_tokenizer **out)
{
    struct gguf_string name = {"default", 7};

    TRY(gguf_get_string(f, "tokenizer.ggml.pre", &name));
    for (size_t i = 0; i < sizeof pre_tokenizers / sizeof *pre_tokenizers; i++)
        if (strlen(pre_tokenizers[i].name) == name.len &&
            !memcmp(pre_tokenizers[i].name, name.data, name.len)) {
            *out = &pre_tokenizers[i];
            return 0;
        }
    return pre_unknown(name);
}

static int stages_compile(struct bpe *bpe)
{
    for (int i = 0; i < MAX_STAGES && bpe->pre->patterns[i]; i++) {
        PCRE2_SIZE at;
        int code;

        bpe->stages[i] = pcre2_compile((PCRE2_SPTR)bpe->pre->patterns[i], PCRE2_ZERO_TERMINATED,
                                       PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
        if (!bpe->stages[i])
            return err_set(ERR_UNSUPPORTED,
                           "tokenizer: this PCRE2 (error %d) cannot compile pre-tokeniser %s", code,
                           bpe->pre->name);
        pcre2_jit_compile(bpe->stages[i], PCRE2_JIT_COMPLETE); /* without JIT it is only slower */
    }
    return 0;
}

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

int tokenizer__bpe_open(struct tokenizer *t, const struct gguf_file *f)
{
    struct bpe *bpe = calloc(1, sizeof *bpe);

    if (!bpe)
        return err_set(ERR_NOMEM, "tokenizer: no memory");
    t->bpe = bpe;
    TRY(pre_find(f, &bpe->pre));
    TRY(stages_compile(bpe));
    TRY(merges_load(t, f));
    t->add_bos = bpe->pre->add_bos;
    TRY(gguf_get_bool(f, "tokenizer.ggml.add_space_prefix", &t->space_prefix));
    for (unsigned b = 0; b < 256; b++) {
        char s[2];

        t->byte_id[b] = tokenizer__find(t, s, byte_to_utf8(b, s));
        if (t->byte_id[b] < 0)
            t->byte_id[b] = t->unk;
        if (t->byte_id[b] < 0)
            return err_set(ERR_FORMAT,
                           "tokenizer.ggml.tokens: neither a token for byte 0x%02x nor "
                           "an unknown token",
                           b);
    }
    return 0;
}

void tokenizer__bpe_close(struct tokenizer *t)
{
    if (!t->bpe)
        return;
    for (int i = 0; i < MAX_STAGES; i++)
        pcre2_code_free(t->bpe->stages[i]);
    free(t->bpe->rules);
    free(t->bpe);
    t->bpe = NULL;
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

static int word_encode(const struct tokenizer *t, const char *word, size_t len, struct id_list *out)
{
    int32_t whole = t->bpe->pre->whole_words ? word_find(t, word, len) : -1;
    struct symbol *symbols;

    if (whole >= 0) {
        tokenizer__id_add(out, whole);
        return 0;
    }
    symbols = malloc(len * sizeof *symbols);
    if (!symbols)
        return err_set(ERR_NOMEM, "tokenizer: no memory for a word of %zu bytes", len);
    for (size_t i = 0; i < len; i++)
        symbols[i] = (struct symbol){
            .start = (uint32_t)i, .len = 1, .id = t->byte_id[(unsigned char)word[i]]};
    tokenizer__merge(t, word, symbols, len, bpe_merge);
    for (size_t i = 0; i < len; i++)
        if (symbols[i].len)
            tokenizer__id_add(out, symbols[i].id);
    free(symbols);
    return 0;
}

/* Cut text[0..len), well-formed UTF-8, at stage `stage`; what lies between two matches is a piece
 * as well. */
static int stage_encode(const struct tokenizer *t, int stage, const char *text, size_t len,
                        struct id_list *out)
{
    const pcre2_code *code = stage < MAX_STAGES ? t->bpe->stages[stage] : NULL;
    pcre2_match_data *match;
    int rc = 0;

    if (!code)
        return word_encode(t, text, len, out);
    match = pcre2_match_data_create_from_pattern(code, NULL);
    if (!match)
        return err_set(ERR_NOMEM, "tokenizer: no memory");
    for (size_t at = 0; at < len && !rc;) {
        int found = pcre2_match(code, (PCRE2_SPTR)text, len, at, PCRE2_NO_UTF_CHECK, match, NULL);
        const PCRE2_SIZE *range = pcre2_get_ovector_pointer(match);

        if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
            rc = err_set(ERR_RANGE, "tokenizer: PCRE2 gave up at byte %zu of a text (error %d)", at,
                         found);
            break;
        }
        if (found < 0) {
            rc = stage_encode(t, stage + 1, text + at, len - at, out);
            break;
        }
        if (range[0] > at)
            rc = stage_encode(t, stage + 1, text + at, range[0] - at, out);
        if (!rc)
            rc = stage_encode(t, stage + 1, text + range[0], range[1] - range[0], out);
        at = range[1];
    }
    pcre2_match_data_free(match);
    return rc;
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
    for (size_t at = 0, n; at < len; at += n) {
        n = run_length(text + at, len - at, true);
        if (n) {
            TRY(stage_encode(t, 0, text + at, n, out));
        } else {
            n = run_length(text + at, len - at, false);
            TRY(word_encode(t, text + at, n, out));
        }
    }
    return 0;
}
