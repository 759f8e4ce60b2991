/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox.h: a temporary folder with a kernel in it, and the options that judge it. Tests only. */
#ifndef PAWL_SANDBOX_H
#define PAWL_SANDBOX_H

#include "judge/judge.h"

struct sandbox {
    char folder[256]; /* removed by sandbox_deinit */
    char source[300]; /* folder/source, which holds kernel.c */
    char worker[300];
    struct judge_options options; /* root ".", features "all", seed 1 */
};

/* Fails the test when the system refuses. */
void sandbox_init(struct sandbox *s);
void sandbox_deinit(struct sandbox *s);

/* Write source/kernel.c: the text `prologue`, then the tiny kernel (tests/judge/kernels). */
void sandbox_tiny(struct sandbox *s, const char *prologue);

/* Write source/kernel.c: the shipped kernel with the statements `body` in front of every call of
 * its kernel_fn (they see `call` and `team`) and `meta` after its get_tiling_meta (`call` and
 * `out`). */
void sandbox_shipped(struct sandbox *s, const char *body, const char *meta);

/* Write a file below source/. */
void sandbox_write(struct sandbox *s, const char *name, const char *text);

/* judge_build_open of source/; fails the test on an error (not on a refused kernel). */
struct judge_build *sandbox_build(struct sandbox *s);

#endif
