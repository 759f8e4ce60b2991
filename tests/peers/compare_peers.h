/* SPDX-License-Identifier: Apache-2.0
 *
 * compare_peers.h: what compare-peers puts side by side with llama.cpp: token ids, logits, perplexity,
 * samplers. A section prints a table, one line a row, and counts the rows that fail; a row that
 * cannot be run on our side fails. An error is returned only when the comparison itself cannot go
 * on. */
#ifndef PAWL_COMPARE_PEERS_H
#define PAWL_COMPARE_PEERS_H

#include "tests/peers/llama_library.h"

struct compare {
    struct llama_library lib;
    const char *engine;  /* the program */
    const char *scratch; /* a folder for files */
    const char *shared;  /* the folder of tests' material: tokenizers/ */
    const char *rows;    /* comma-separated names of rows to run, or NULL */
    const char *types;   /* alike, of types; NULL: each row's own */
    uint32_t n_threads;
    bool peer_only; /* run llama.cpp's side alone: does it take the files? */
    size_t n_rows, n_failed;
};

int compare_tokens(struct compare *c);
int compare_models(struct compare *c);
int compare_perplexity(struct compare *c);
int compare_samplers(struct compare *c);

/* No comparison: prints tests/engine/arch_answers.tsv. */
int compare_answers(struct compare *c);

#endif
