/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer_internal.h: what the tokenizer sources share: the open vocabulary, a growing list of
 * ids, and the one merge loop under SPM and BPE. Nobody outside engine/tokenizer*.c includes
 * it. */
#ifndef PAWL_TOKENIZER_INTERNAL_H
#define PAWL_TOKENIZER_INTERNAL_H

#include "engine/tokenizer/tokenizer.h"

/* Values of tokenizer.ggml.token_type. */
enum token_type {
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN = 2,
    TOKEN_CONTROL = 3,
    TOKEN_USER_DEFINED = 4,
    TOKEN_UNUSED = 5,
    TOKEN_BYTE = 6,
};

enum tokenizer_model { TOKENIZER_SPM, TOKENIZER_BPE, TOKENIZER_WPM };

struct token {
    struct gguf_string text; /* as in the file */
    float score;
    uint8_t type; /* enum token_type */
    bool eog;
    bool strip_left, strip_right; /* special: takes the white space beside it */
};

struct bpe; /* of a byte-level BPE: pre-tokeniser and merges */

struct wpm {        /* of a WordPiece */
    size_t longest; /* token, bytes */
    bool lowercase, strip_accents;
};

struct tokenizer {
    enum tokenizer_model model;
    struct token *tokens;
    int32_t n_vocab;
    int32_t bos, eos, unk, sep; /* -1: none */
    int32_t infill[TOKENIZER_N_INFILL];
    bool add_bos, add_eos, add_sep;
    bool space_prefix;    /* the first piece of a text, and behind a special token, has a space */
    bool words_apart;     /* SPM: no token has a space mark behind another character */
    int32_t byte_id[256]; /* token of a lone byte; -1: none */
    int32_t *map;         /* text -> id, open addressing, -1 = free */
    size_t map_mask;
    /* Control, unknown and user-defined tokens by first byte, longest first: those of byte b are
     * specials[special_start[b] .. special_start[b + 1]). */
    int32_t *specials;
    uint32_t special_start[257];
    struct bpe *bpe; /* NULL but for BPE */
    struct wpm wpm;
};

/* Id of the token with exactly this text that an algorithm may make, -1 if there is none: never a
 * control token. */
int32_t tokenizer__find(const struct tokenizer *t, const char *text, size_t len);

struct id_list {
    int32_t *ids;
    size_t n, cap;
};
void tokenizer__id_add(struct id_list *l,
                       int32_t id); /* aborts when memory runs out, as strbuf does */

/* *out becomes the id under `key`, and stays when there is none. Error: outside the vocabulary. */
int tokenizer__id_get(const struct tokenizer *t, const struct gguf_file *f, const char *key,
                      int32_t *out);

/* --- special tokens --- */

int tokenizer__specials_open(struct tokenizer *t, const struct gguf_file *f);

struct special {
    int32_t id;      /* -1: no more in this text */
    size_t from, to; /* bytes of the text that it stands for; both the length when there is none */
};

/* The first special token in text[at..len), of those that begin there the longest. `all`: control
 * and unknown tokens too, and each takes the white space that belongs to it. */
struct special tokenizer__special_next(const struct tokenizer *t, const char *text, size_t len,
                                       size_t at, bool all);

/* --- merging -------------------------------------------------------------------------------------
 * A text is a row of symbols; the adjacent pair with the least cost becomes one symbol, among
 * equals the leftmost, until no pair has a cost. A heap of candidate pairs over a linked list: n
 * log n. */
struct symbol {
    uint32_t start, len; /* in the text; len 0: merged into its left neighbour */
    int32_t prev, next;  /* indices, -1 at the ends */
    int32_t id;          /* of its token, -1: none */
};

struct merge {
    double cost;
    int32_t id; /* of the merged symbol */
};

/* True and *out filled when a and b (adjacent in text) may merge. */
typedef bool (*merge_fn)(const struct tokenizer *t, const char *text, const struct symbol *a,
                         const struct symbol *b, struct merge *out);

/* Merge symbols[0..n) in place; `prev`/`next` are set here, the first symbol stays first. */
void tokenizer__merge(const struct tokenizer *t, const char *text, struct symbol *symbols, size_t n,
                      merge_fn fn);

/* --- the algorithms --- */

/* Append the ids of text[0..len), len > 0, which holds no special token. */
int tokenizer__spm_encode(const struct tokenizer *t, const char *text, size_t len,
                          struct id_list *out);
int tokenizer__spm_open(struct tokenizer *t, const struct gguf_file *f);
void tokenizer__spm_piece(const struct token *token, struct strbuf *out);

int tokenizer__bpe_encode(const struct tokenizer *t, const char *text, size_t len,
                          struct id_list *out);
int tokenizer__bpe_open(struct tokenizer *t, const struct gguf_file *f);
void tokenizer__bpe_close(struct tokenizer *t);
void tokenizer__bpe_piece(const struct token *token, struct strbuf *out);

int tokenizer__wpm_encode(const struct tokenizer *t, const char *text, size_t len,
                          struct id_list *out);
int tokenizer__wpm_open(struct tokenizer *t, const struct gguf_file *f);

#endif
