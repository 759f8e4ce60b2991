/* SPDX-License-Identifier: Apache-2.0
 *
 * compiler.h: which compiler builds kernels: the program that CC names (default gcc; options after
 * it are kept), the folder of its own headers, and the disassembler beside it. Inside judge/
 * only. */
#ifndef PAWL_COMPILER_H
#define PAWL_COMPILER_H

#include "judge/compile/confine.h"
#include "judge/compile/words.h"

#include <limits.h>

struct compiler {
    char program[PATH_MAX]; /* absolute */
    char options[512];      /* what follows the program in CC */
    char include[PATH_MAX]; /* its own headers: stddef.h, immintrin.h, ...; no links in it */
    char objdump[PATH_MAX];
    char version[256]; /* first line of what it says of its version */
    char stamp[256];   /* sizes and times of its programs, for cache keys */
};

/* Find the program. Error: ERR_IO (not there), ERR_USAGE (CC with a response file), ERR_RANGE. */
int compiler_find(struct compiler *out);

/* Fill in the rest by asking it, confined to `folder`. Error: ERR_IO. */
int compiler_ask(struct compiler *cc, const struct confine *c, const char *folder);

/* Start a command: the program and its options. */
int compiler_words(const struct compiler *cc, struct words *w);

#endif
