/* SPDX-License-Identifier: Apache-2.0
 *
 * importance.h: an importance matrix: for every weight matrix, how large the activations are that
 * meet each of its columns. An error in column j then costs its square times the mean square of
 * activation j, which is what the encoders are told to make least. `engine imatrix` writes one,
 * `engine quantize --imatrix` reads it.
 *
 * The file is the GGUF that llama.cpp's imatrix tool reads and writes: general.type "imatrix", and
 * for a matrix NAME of k columns (and one or more experts) the F32 tensors NAME.in_sum2 [k, experts],
 * sums of squared activations, and NAME.counts [1, experts], how many activations were summed.
 * Source: llama.cpp, tools/imatrix. */
#ifndef PAWL_IMPORTANCE_H
#define PAWL_IMPORTANCE_H

#include "engine/gguf/gguf.h"

struct importance; /* immutable once open */

/* Errors: as gguf_open, ERR_FORMAT for a file that is no importance matrix, has no entry, or holds
 * numbers that are negative or not finite. */
int importance_open(const char *path, struct importance **out);
void importance_close(struct importance **m);

/* Weights of the columns of matrix number `expert` of tensor t, in out: [t->ne[0]]: mean 1, none
 * below a thousandth, since a column that the text never used is still used by another. Returns 1
 * when there are any, 0 for no entry or one without activations; ERR_FORMAT: an entry of another
 * shape. */
int importance_row(const struct importance *m, const struct gguf_tensor *t, int64_t expert,
                   float *out);

/* --- collecting --- */
struct importance_sums;

int importance_sums_open(struct importance_sums **out);
void importance_sums_close(struct importance_sums **s);

/* Add the squares of x: [k] f32 to matrix `expert` of the n_experts of tensor `name`. Errors:
 * ERR_NOMEM. */
int importance_sums_add(struct importance_sums *s, const char *name, int64_t k, int64_t n_experts,
                        int64_t expert, const float *x);
size_t importance_sums_n_matrices(const struct importance_sums *s);

/* text: name of what was read; n_chunks chunks of n_tokens tokens. Errors: as gguf_writer. */
int importance_sums_write(const struct importance_sums *s, const char *path, const char *text,
                          uint32_t n_chunks, uint32_t n_tokens);

#endif
