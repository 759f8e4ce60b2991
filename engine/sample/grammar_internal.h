/* SPDX-License-Identifier: Apache-2.0
 *
 * grammar_internal.h: a compiled grammar as the matcher walks it: rules are alternatives, an
 * alternative is a run of symbols up to SYMBOL_END, a symbol is a set of bytes or a rule. Shared
 * inside engine/sample/ by the grammar files. */
#ifndef PAWL_GRAMMAR_INTERNAL_H
#define PAWL_GRAMMAR_INTERNAL_H

#include "engine/sample/grammar.h"

enum symbol_kind { SYMBOL_END, SYMBOL_BYTES, SYMBOL_RULE };

struct grammar_symbol {
    uint32_t kind;  /* enum symbol_kind */
    uint32_t value; /* index in masks or rules */
};

struct grammar_rule {
    char *name; /* NULL: made by the compiler */
    size_t line;
    bool defined, nullable;
    bool repeats; /* made for * or +: its reference to itself comes last and is no recursion */
    uint32_t *alternatives; /* [n] index of the first symbol */
    uint32_t n, capacity;
};

struct byte_mask {
    uint64_t bits[4];
};

struct grammar {
    struct grammar_rule *rules; /* [n_rules] */
    struct grammar_symbol *symbols;
    struct byte_mask *masks; /* the first 256 are the single bytes */
    uint32_t n_rules, n_symbols, n_masks;
    uint32_t rule_capacity, symbol_capacity, mask_capacity;
    uint32_t root;
    /* Bytes that no mask tells apart are one class. */
    uint8_t class_of[256], byte_of[256];
    uint32_t n_classes;
};

enum { GRAMMAR_MAX_SYMBOLS = 1 << 21, GRAMMAR_MAX_CHAR = 0x10ffff };

static inline bool byte_mask_has(const struct byte_mask *m, unsigned char byte)
{
    return m->bits[byte / 64] >> (byte % 64) & 1;
}

static inline void byte_mask_add(struct byte_mask *m, unsigned low, unsigned high)
{
    for (unsigned b = low; b <= high; b++)
        m->bits[b / 64] |= 1ULL << (b % 64);
}

/* --- grammar_build.c --- */

/* A new grammar without rules. */
int grammar_new(struct grammar **out);

/* An undefined rule (name: NULL or malloc'ed, then the grammar's). ERR_RANGE, ERR_NOMEM. */
int grammar_rule_add(struct grammar *g, char *name, uint32_t *rule);

/* One alternative of n symbols (without the end, which is added). ERR_RANGE, ERR_NOMEM. */
int grammar_alternative_add(struct grammar *g, uint32_t rule, const struct grammar_symbol *symbols,
                            size_t n);

/* The symbol of a set of bytes. */
int grammar_mask_add(struct grammar *g, const struct byte_mask *mask, struct grammar_symbol *out);

struct char_range {
    uint32_t low, high; /* code points, both included */
};

/* The symbol of a set of characters: sorts and merges ranges[0..n), complements them when asked,
 * leaves the surrogates out, and makes a rule when the characters have more than one byte. An empty
 * set is a symbol that matches nothing. */
int grammar_chars_add(struct grammar *g, struct char_range *ranges, size_t n, bool negated,
                      struct grammar_symbol *out);

/* All rules are there: byte classes, nullable rules, and no left recursion (ERR_FORMAT). */
int grammar_finish(struct grammar *g);

#endif
