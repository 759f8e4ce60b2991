/* SPDX-License-Identifier: Apache-2.0
 *
 * taxonomy.h: what makes a kernel faster on a CPU, as data: tiers of ideas, and in each the symptoms
 * that the judge's roofline and profile name, with the first thing to try. Patterns tell from the words
 * of a hypothesis which ideas an attempt tried. For ratchet/ only. */
#ifndef PAWL_RATCHET_TAXONOMY_H
#define PAWL_RATCHET_TAXONOMY_H

#include <stddef.h>

enum taxonomy_tier {
    TAXONOMY_TILING,
    TAXONOMY_ALGORITHM,
    TAXONOMY_PRECISION,
    TAXONOMY_LAYOUT,
    TAXONOMY_HINTS,
    TAXONOMY_TIERS
};

struct taxonomy_words {
    const char *name, *what; /* of a tier: what turns on it */
};
extern const struct taxonomy_words taxonomy_tiers[TAXONOMY_TIERS];

/* One lesson. The order of the table is the order of preference where an attempt fits several. */
struct taxonomy_row {
    const char *id; /* one word, for --json and filters */
    enum taxonomy_tier tier;
    const char *symptom; /* in the judge's words where it has some */
    const char *first;   /* thing to try */
    const char *pattern; /* POSIX extended regular expression, case ignored, on the hypothesis */
};
extern const struct taxonomy_row taxonomy[];
extern const size_t taxonomy_n;

/* An attempt counts for the first lessons whose patterns its hypothesis has, this many at most. */
enum { TAXONOMY_MOST = 2, TAXONOMY_PHRASE = 64 };

struct taxonomy_match {
    size_t row;
    char phrase[TAXONOMY_PHRASE]; /* the words that matched */
};

/* Number of matches filled in, 0 = none. */
size_t taxonomy_classify(const char *hypothesis, struct taxonomy_match out[TAXONOMY_MOST]);

#endif
