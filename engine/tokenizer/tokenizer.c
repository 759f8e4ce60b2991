/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.c: the vocabulary, its look-ups, and the part of encoding that both algorithms share:
 * special tokens are cut out of the text first, plain stretches go to SPM or BPE. */
#include "engine/tokenizer/tokenizer_internal.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- helpers shared with the algorithms --- */

void tokenizer__id_add(struct id_list *l, int32_t id)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->ids = realloc(l->ids, l->cap * sizeof *l->ids);
        if (!l->ids)
            abort();
    }
    l->ids[l->n++] = id;
}

static size_t text_hash(const char *s, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    return (size_t)(h ^ h >> 29);
}

static bool text_equal(struct gguf_string a, const char *text, size_t len)
{
    return a.len == len && !memcmp(a.data, text, len);
}

int32_t tokenizer__find(const struct tokenizer *t, const char *text, size_t len)
{
    for (size_t i = text_hash(text, len) & t->map_mask;; i = (i + 1) & t->map_mask) {
        int32_t id = t->map[i];

        if (id < 0 || text_equal(t->tokens[id].text, text, len))
            return id;
    }
}

/* --- opening --- */

static int array_find(const struct gguf_file *f, const char *key, int32_t n, bool strings,
                      const struct gguf_kv **out)
{
    const struct gguf_kv *kv = gguf_kv_find(f, key);

    *out = kv;
    if (!kv)
        return 0;
    if (kv->type != GGUF_ARRAY || (kv->element_type == GGUF_STRING) != strings)
        return err_set(ERR_FORMAT, "%s: not an array of %s", key, strings ? "strings" : "numbers");
    if (n >= 0 && kv->count != (uint64_t)n)
        return err_set(ERR_FORMAT, "%s: %" PRIu64 " entries for %" PRId32 " tokens", key, kv->count,
                       n);
    return 0;
}

static int tokens_texts_load(struct tokenizer *t, const struct gguf_file *f)
{
    const struct gguf_kv *kv;
    struct gguf_string *texts;
    int rc;

    TRY(array_find(f, "tokenizer.ggml.tokens", -1, true, &kv));
    if (!kv || !kv->count || kv->count > INT32_MAX / 4)
        return err_set(ERR_FORMAT, "tokenizer.ggml.tokens: %s",
                       !kv ? "the key is missing" : "an impossible number of tokens");
    t->n_vocab = (int32_t)kv->count;
    t->tokens = calloc(kv->count, sizeof *t->tokens);
    texts = calloc(kv->count, sizeof *texts);
    if (!t->tokens || !texts) {
        free(texts);
        return err_set(ERR_NOMEM, "tokenizer: no memory for %" PRId32 " tokens", t->n_vocab);
    }
    rc = gguf_array_strings(kv, texts);
    for (int32_t i = 0; i < t->n_vocab; i++)
        t->tokens[i].text = texts[i];
    free(texts);
    return rc;
}

static int tokens_load(struct tokenizer *t, const struct gguf_file *f)
{
    const struct gguf_kv *scores, *types;

    TRY(tokens_texts_load(t, f));
    TRY(array_find(f, "tokenizer.ggml.scores", t->n_vocab, false, &scores));
    TRY(array_find(f, "tokenizer.ggml.token_type", t->n_vocab, false, &types));
    if (!scores && t->model == TOKENIZER_SPM)
        return err_set(ERR_FORMAT, "tokenizer.ggml.scores: the key is missing");
    for (int32_t i = 0; i < t->n_vocab; i++) {
        struct token *token = &t->tokens[i];
        double type = types ? gguf_array_float(types, (uint64_t)i) : TOKEN_NORMAL;

        token->score = scores ? (float)gguf_array_float(scores, (uint64_t)i) : 0;
        if (isnan(token->score))
            return err_set(ERR_FORMAT, "tokenizer.ggml.scores: entry %" PRId32 " is NaN", i);
        if (!(type >= 0 && type <= TOKEN_BYTE))
            return err_set(ERR_FORMAT, "tokenizer.ggml.token_type: entry %" PRId32 " is %g", i,
                           type);
        token->type = type < TOKEN_NORMAL ? TOKEN_NORMAL : (uint8_t)type;
    }
    return 0;
}

static int map_build(struct tokenizer *t)
{
    size_t size = 16;

    while (size < 2 * (size_t)t->n_vocab)
        size *= 2;
    t->map = malloc(size * sizeof *t->map);
    if (!t->map)
        return err_set(ERR_NOMEM, "tokenizer: no memory for the token map");
    t->map_mask = size - 1;
    memset(t->map, 0xff, size * sizeof *t->map);
    for (int32_t id = 0; id < t->n_vocab; id++) {
        struct gguf_string s = t->tokens[id].text;
        size_t i = text_hash(s.data, s.len) & t->map_mask;

        if (t->tokens[id].type != TOKEN_NORMAL || !s.len)
            continue;
        while (t->map[i] >= 0 && !text_equal(t->tokens[t->map[i]].text, s.data, s.len))
            i = (i + 1) & t->map_mask;
        if (t->map[i] < 0) /* of two equal texts the first has the id */
            t->map[i] = id;
    }
    return 0;
}

static bool token_is_special(const struct token *token)
{
    return (token->type == TOKEN_CONTROL || token->type == TOKEN_USER_DEFINED) && token->text.len;
}

static int special_compare(const void *a, const void *b, void *tokens)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    struct gguf_string s = ((const struct token *)tokens)[x].text;
    struct gguf_string u = ((const struct token *)tokens)[y].text;
    unsigned char first_s = (unsigned char)s.data[0], first_u = (unsigned char)u.data[0];

    if (first_s != first_u)
        return first_s < first_u ? -1 : 1;
    if (s.len != u.len)
        return s.len > u.len ? -1 : 1;
    return (x > y) - (x < y);
}

static int specials_build(struct tokenizer *t)
{
    uint32_t n = 0;

    t->specials = calloc((size_t)t->n_vocab, sizeof *t->specials);
    if (!t->specials)
        return err_set(ERR_NOMEM, "tokenizer: no memory for the special tokens");
    for (int32_t id = 0; id < t->n_vocab; id++)
        if (token_is_special(&t->tokens[id]))
            t->specials[n++] = id;
    qsort_r(t->specials, n, sizeof *t->specials, special_compare, t->tokens);
    for (uint32_t i = 0, b = 0; b < 257; b++) {
        while (i < n && (unsigned char)t->tokens[t->specials[i]].text.data[0] < b)
            i++;
        t->special_start[b] = i;
    }
    return 0;
}

static int special_id_get(const struct tokenizer *t, const struct gguf_file *f, const char *key,
                          int32_t *out)
{
    int64_t id = -1;

    TRY(gguf_get_int(f, key, &id));
    if (id < -1 || id >= t->n_vocab)
        return err_set(ERR_FORMAT, "%s is %" PRId64 ", outside the vocabulary of %" PRId32, key, id,
                       t->n_vocab);
    *out = (int32_t)id;
    return 0;
}

/* Which tokens end a generation: those the file names, and the turn ends that chat models of the
 * families read here use without naming them. */
static int eog_load(struct tokenizer *t, const struct gguf_file *f)
{
    static const char *const keys[] = {"tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    static const char *const texts[] = {"<|eot_id|>", "<|eom_id|>",    "<|im_end|>",     "<|end|>",
                                        "</s>",       "<|endoftext|>", "<|end_of_text|>"};

    if (t->eos >= 0)
        t->tokens[t->eos].eog = true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int32_t id;

        TRY(special_id_get(t, f, keys[i], &id));
        if (id >= 0)
            t->tokens[id].eog = true;
    }
    for (int32_t id = 0; id < t->n_vocab; id++)
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            if (token_is_special(&t->tokens[id]) &&
                text_equal(t->tokens[id].text, texts[i], strlen(texts[i])))
                t->tokens[id].eog = true;
    return 0;
}

static int model_get(const struct gguf_file *f, enum tokenizer_model *out)
{
    struct gguf_string model = {"", 0};
    int rc = gguf_get_string(f, "tokenizer.ggml.model", &model);

    TRY(rc);
    if (rc > 0)
        return err_set(ERR_FORMAT, "tokenizer.ggml.model: the key is missing");
    if (text_equal(model, "llama", 5))
        *out = TOKENIZER_SPM;
    else if (text_equal(model, "gpt2", 4))
        *out = TOKENIZER_BPE;
    else
        return err_set(ERR_UNSUPPORTED, "tokenizer.ggml.model %.*s: known are llama, gpt2",
                       (int)(model.len < 64 ? model.len : 64), model.data);
    return 0;
}

static int tokenizer_load(struct tokenizer *t, const struct gguf_file *f)
{
    memset(t->byte_id, 0xff, sizeof t->byte_id);
    TRY(model_get(f, &t->model));
    TRY(tokens_load(t, f));
    TRY(map_build(t));
    TRY(specials_build(t));
    TRY(special_id_get(t, f, "tokenizer.ggml.bos_token_id", &t->bos));
    TRY(special_id_get(t, f, "tokenizer.ggml.eos_token_id", &t->eos));
    TRY(special_id_get(t, f, "tokenizer.ggml.unknown_token_id", &t->unk));
    TRY(eog_load(t, f));
    TRY(t->model == TOKENIZER_SPM ? tokenizer__spm_open(t, f) : tokenizer__bpe_open(t, f));
    TRY(gguf_get_bool(f, "tokenizer.ggml.add_bos_token", &t->add_bos));
    TRY(gguf_get_bool(f, "tokenizer.ggml.add_eos_token", &t->add_eos));
    t->add_bos = t->add_bos && t->bos >= 0;
    t->add_eos = t->add_eos && t->eos >= 0;
    return 0;
}

int tokenizer_open(const struct gguf_file *f, struct tokenizer **out)
{
    struct tokenizer *t = calloc(1, sizeof *t);
    int rc;

    *out = NULL;
    if (!t)
        return err_set(ERR_NOMEM, "tokenizer: no memory");
    rc = tokenizer_load(t, f);
    if (rc)
        tokenizer_close(&t);
    *out = t;
    return rc;
}

void tokenizer_close(struct tokenizer **t)
{
    if (!*t)
        return;
    tokenizer__bpe_close(*t);
    free((*t)->tokens);
    free((*t)->map);
    free((*t)->specials);
    free(*t);
    *t = NULL;
}

/* --- encoding --- */

/* The longest special token that `text` begins with, -1 if none. Control tokens only when asked. */
static int32_t special_at(const struct tokenizer *t, const char *text, size_t len, bool control)
{
    unsigned char first = (unsigned char)text[0];

    for (uint32_t i = t->special_start[first]; i < t->special_start[first + 1]; i++) {
        const struct token *token = &t->tokens[t->specials[i]];

        if (token->text.len <= len && !memcmp(token->text.data, text, token->text.len) &&
            (control || token->type == TOKEN_USER_DEFINED))
            return t->specials[i];
    }
    return -1;
}

static int plain_encode(const struct tokenizer *t, const char *text, size_t len, bool prefix,
                        struct id_list *out)
{
    if (!len)
        return 0;
    return t->model == TOKENIZER_SPM ? tokenizer__spm_encode(t, text, len, prefix, out)
                                     : tokenizer__bpe_encode(t, text, len, out);
}

/* The space prefix belongs to the beginning of the text and to what follows a control token (each
 * message of a chat is a text of its own); a user-defined token stands inside a text. */
static int text_encode(const struct tokenizer *t, const char *text, size_t len, bool control,
                       struct id_list *out)
{
    bool prefix = t->space_prefix;
    size_t start = 0;

    for (size_t at = 0; at < len;) {
        int32_t id = special_at(t, text + at, len - at, control);

        if (id < 0) {
            at++;
            continue;
        }
        TRY(plain_encode(t, text + start, at - start, prefix, out));
        tokenizer__id_add(out, id);
        prefix = t->space_prefix && t->tokens[id].type == TOKEN_CONTROL;
        at += t->tokens[id].text.len;
        start = at;
    }
    return plain_encode(t, text + start, len - start, prefix, out);
}

int tokenizer_encode(const struct tokenizer *t, const char *text, size_t len, unsigned flags,
                     int32_t **ids, size_t *n)
{
    struct id_list out = {0};
    int rc = 0;

    *ids = NULL;
    *n = 0;
    /* symbols are numbered by int32_t, and escaping makes three bytes of a space */
    if (len > INT32_MAX / 4)
        return err_set(ERR_RANGE, "tokenizer: a text of %zu bytes is too long", len);
    if ((flags & TOKENIZER_ADD_SPECIAL) && t->add_bos)
        tokenizer__id_add(&out, t->bos);
    rc = text_encode(t, text, len, flags & TOKENIZER_PARSE_SPECIAL, &out);
    if ((flags & TOKENIZER_ADD_SPECIAL) && t->add_eos)
        tokenizer__id_add(&out, t->eos);
    if (rc) {
        free(out.ids);
        return rc;
    }
    *ids = out.ids;
    *n = out.n;
    return 0;
}

/* --- the rest --- */

int tokenizer_piece(const struct tokenizer *t, int32_t id, struct strbuf *out)
{
    const struct token *token;

    if (id < 0 || id >= t->n_vocab)
        return err_set(ERR_RANGE, "tokenizer: id %" PRId32 " is outside the vocabulary of %" PRId32,
                       id, t->n_vocab);
    token = &t->tokens[id];
    if (token->type == TOKEN_CONTROL || token->type == TOKEN_UNKNOWN)
        return 0;
    if (token->type == TOKEN_USER_DEFINED)
        strbuf_add(out, token->text.data, token->text.len);
    else if (t->model == TOKENIZER_SPM)
        tokenizer__spm_piece(token, out);
    else
        tokenizer__bpe_piece(token, out);
    return 0;
}

bool tokenizer_space_prefix(const struct tokenizer *t)
{
    return t->space_prefix;
}

int32_t tokenizer_n_vocab(const struct tokenizer *t)
{
    return t->n_vocab;
}

int32_t tokenizer_bos(const struct tokenizer *t)
{
    return t->bos;
}

int32_t tokenizer_eos(const struct tokenizer *t)
{
    return t->eos;
}

bool tokenizer_is_eog(const struct tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->n_vocab && t->tokens[id].eog;
}

bool tokenizer_add_bos(const struct tokenizer *t)
{
    return t->add_bos;
}
