/* SPDX-License-Identifier: Apache-2.0
 *
 * words.h: a command line under construction. Inside judge/ only. */
#ifndef PAWL_WORDS_H
#define PAWL_WORDS_H

#include <stddef.h>

enum {
    WORDS_MAX = 96,        /* of a command */
    WORDS_BYTES = 16 << 10 /* of all of them */
};

/* Zero-initialise. argv is NULL-terminated after the first addition; the words live in `text`, so a
 * copy of the struct does not work. */
struct words {
    char *argv[WORDS_MAX + 1];
    size_t n;
    char text[WORDS_BYTES];
    size_t used;
};

/* Add one word as it is. Error: ERR_RANGE. */
int words_add(struct words *w, const char *word);

/* Add the words of `line`, parted by white space; there is no quoting. Error: ERR_RANGE. */
int words_split(struct words *w, const char *line);

#endif
