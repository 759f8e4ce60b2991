/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.c: the vocabulary, its look-ups, and the part of encoding that the algorithms share:
 * special tokens are cut out of the text first, plain stretches go to SPM, BPE or WordPiece. */
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

/* Which tokens an algorithm may make from text. Merges of a BPE may also name added tokens. */
static bool token_is_made(const struct tokenizer *t, const struct token *token)
{
    bool added = token->type == TOKEN_USER_DEFINED || token->type == TOKEN_UNUSED;

    return token->text.len && (token->type == TOKEN_NORMAL || (added && t->model == TOKENIZER_BPE));
}

static void map_add(struct tokenizer *t, int32_t id)
{
    struct gguf_string s = t->tokens[id].text;
    size_t i = text_hash(s.data, s.len) & t->map_mask;

    while (t->map[i] >= 0 && !text_equal(t->tokens[t->map[i]].text, s.data, s.len))
        i = (i + 1) & t->map_mask;
    if (t->map[i] < 0 ||
        (t->tokens[t->map[i]].type != TOKEN_NORMAL && t->tokens[id].type == TOKEN_NORMAL))
        t->map[i] = id; /* of two equal texts the first has the id, or the normal one */
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
    for (int32_t id = 0; id < t->n_vocab; id++)
        if (token_is_made(t, &t->tokens[id]))
            map_add(t, id);
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
    else if (text_equal(model, "bert", 4))
        *out = TOKENIZER_WPM;
    else
        return err_set(ERR_UNSUPPORTED, "tokenizer.ggml.model %.*s: known are llama, gpt2, bert",
                       (int)(model.len < 64 ? model.len : 64), model.data);
    return 0;
}

/* `place` when a special token is there, else -1. */
static int32_t usual_id(const struct tokenizer *t, int32_t place)
{
    uint8_t type = place < t->n_vocab ? t->tokens[place].type : TOKEN_NORMAL;

    return type == TOKEN_CONTROL || type == TOKEN_UNKNOWN ? place : -1;
}

/* Where a file does not say, they are in the places that the first vocabularies had them in. */
static int ids_load(struct tokenizer *t, const struct gguf_file *f)
{
    bool spm = t->model == TOKENIZER_SPM, wpm = t->model == TOKENIZER_WPM;

    t->bos = spm ? usual_id(t, 1) : wpm ? usual_id(t, 101) : -1;
    t->eos = spm ? usual_id(t, 2) : -1;
    t->unk = spm ? usual_id(t, 0) : wpm ? usual_id(t, 100) : -1;
    t->sep = wpm ? usual_id(t, 102) : -1;
    TRY(tokenizer__id_get(t, f, "tokenizer.ggml.cls_token_id", &t->bos));
    TRY(tokenizer__id_get(t, f, "tokenizer.ggml.bos_token_id", &t->bos));
    TRY(tokenizer__id_get(t, f, "tokenizer.ggml.eos_token_id", &t->eos));
    TRY(tokenizer__id_get(t, f, "tokenizer.ggml.unknown_token_id", &t->unk));
    TRY(tokenizer__id_get(t, f, "tokenizer.ggml.seperator_token_id", &t->sep)); /* spelt so */
    for (int32_t id = 0; id < t->n_vocab && t->unk < 0; id++)
        if (t->tokens[id].type == TOKEN_UNKNOWN)
            t->unk = id;
    if (t->eos >= 0)
        t->tokens[t->eos].eog = true;
    return 0;
}

static int algorithm_open(struct tokenizer *t, const struct gguf_file *f)
{
    if (t->model == TOKENIZER_SPM)
        return tokenizer__spm_open(t, f);
    return t->model == TOKENIZER_BPE ? tokenizer__bpe_open(t, f) : tokenizer__wpm_open(t, f);
}

static int tokenizer_load(struct tokenizer *t, const struct gguf_file *f)
{
    memset(t->byte_id, 0xff, sizeof t->byte_id);
    TRY(model_get(f, &t->model));
    TRY(tokens_load(t, f));
    TRY(tokenizer__specials_open(t, f)); /* may change types, which the map looks at */
    TRY(map_build(t));
    TRY(ids_load(t, f));
    TRY(algorithm_open(t, f));
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

/* Text without special tokens: what stands before, between or behind them. */
static int plain_encode(const struct tokenizer *t, const char *text, size_t len,
                        struct id_list *out)
{
    if (!len)
        return 0;
    if (t->model == TOKENIZER_SPM)
        return tokenizer__spm_encode(t, text, len, out);
    return t->model == TOKENIZER_BPE ? tokenizer__bpe_encode(t, text, len, out)
                                     : tokenizer__wpm_encode(t, text, len, out);
}

static int text_encode(const struct tokenizer *t, const char *text, size_t len, bool all,
                       struct id_list *out)
{
    for (size_t at = 0; at < len;) {
        struct special s = tokenizer__special_next(t, text, len, at, all);

        TRY(plain_encode(t, text + at, s.from - at, out));
        if (s.id >= 0)
            tokenizer__id_add(out, s.id);
        at = s.to;
    }
    return 0;
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
    if ((flags & TOKENIZER_ADD_SPECIAL) && t->add_sep)
        tokenizer__id_add(&out, t->sep);
    if (rc) {
        free(out.ids);
        return rc;
    }
    *ids = out.ids;
    *n = out.n;
    return 0;
}

/* --- decoding --- */

static bool token_is_silent(const struct token *token)
{
    return token->type == TOKEN_CONTROL || token->type == TOKEN_UNKNOWN;
}

int tokenizer_piece(const struct tokenizer *t, int32_t id, struct strbuf *out)
{
    const struct token *token;

    if (id < 0 || id >= t->n_vocab)
        return err_set(ERR_RANGE, "tokenizer: id %" PRId32 " is outside the vocabulary of %" PRId32,
                       id, t->n_vocab);
    token = &t->tokens[id];
    if (token_is_silent(token))
        return 0;
    if (token->type == TOKEN_USER_DEFINED)
        strbuf_add(out, token->text.data, token->text.len);
    else if (t->model == TOKENIZER_BPE)
        tokenizer__bpe_piece(token, out);
    else
        tokenizer__spm_piece(token, out); /* WordPiece in GGUF marks words in the same way */
    return 0;
}

static bool token_is_plain(const struct tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->n_vocab && !token_is_silent(&t->tokens[id]) &&
           t->tokens[id].type != TOKEN_USER_DEFINED;
}

int tokenizer_piece_after(const struct tokenizer *t, int32_t previous, int32_t id,
                          struct strbuf *out)
{
    size_t start = out->len;

    TRY(tokenizer_piece(t, id, out));
    if (t->space_prefix && !token_is_plain(t, previous) && token_is_plain(t, id) &&
        out->len > start && out->data[start] == ' ') {
        memmove(out->data + start, out->data + start + 1, out->len - start); /* with the NUL */
        out->len--;
    }
    return 0;
}

int tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, struct strbuf *out)
{
    for (size_t i = 0; i < n; i++)
        TRY(tokenizer_piece_after(t, i ? ids[i - 1] : -1, ids[i], out));
    return 0;
}

/* --- the rest --- */

bool tokenizer_space_prefix(const struct tokenizer *t)
{
    return t->space_prefix;
}

int32_t tokenizer_infill(const struct tokenizer *t, enum tokenizer_infill_mark mark)
{
    return t->infill[mark];
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
