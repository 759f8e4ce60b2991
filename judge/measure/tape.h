/* SPDX-License-Identifier: Apache-2.0
 *
 * tape.h: fresh activations for every slice. The generated data of one INPUT buffer of all of a
 * case's instances, laid end to end, make a ring that only the judge holds (the master). Before a
 * slice the tape, which lies in the workers' read-only input memory, is rewritten from a drawn
 * origin of the ring, and every request reads a window of it: addresses and contents are new in
 * each slice, and the oracle reads the same window from the master, which no worker ever saw.
 * Inside judge/ only. */
#ifndef PAWL_TAPE_H
#define PAWL_TAPE_H

#include "reference/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A shared tape is longer than its window by this: room for some hundred places of a window, and
 * rewritten in a tenth of a millisecond. */
#define TAPE_SLACK ((size_t)1 << 20)

struct tape {
    uint32_t buffer;       /* of the instance */
    size_t window;         /* bytes a request reads */
    size_t block;          /* bytes: content starts at whole blocks */
    size_t grain;          /* bytes: windows start at multiples, whole blocks and KERNEL_ALIGN */
    size_t stride;         /* bytes: from window to window when they lie apart; else 0 */
    size_t bytes;          /* of the tape */
    size_t ring;           /* bytes of the master; `window` more of it are mirrored behind */
    unsigned char *master; /* [ring + window] */
};

/* Can windows of a ring stand for this INPUT buffer? It needs rows without gaps, and no setup step
 * may read it: pages and packed weights were made of what such a step has read. */
bool tape_suits(const struct problem_instance *in, uint32_t buffer);

/* A tape for `buffer` of instances in[0..n-1], all of one case. `apart`: n windows that do not
 * overlap, for cases in which nothing but the activations tells requests apart; else one window and
 * TAPE_SLACK. Error: ERR_NOMEM. The caller releases with tape_deinit. */
int tape_init(struct tape *t, const struct problem_instance *in, uint32_t n, uint32_t buffer,
              bool apart);
void tape_deinit(struct tape *t);

/* Blocks in the ring (origins), and places of a window on the tape. */
size_t tape_origins(const struct tape *t);
size_t tape_places(const struct tape *t);

/* Bytes from the tape's start to window `place`. */
size_t tape_offset(const struct tape *t, size_t place);

/* Fill the tape at `to` from block `origin` of the ring on. */
void tape_write(const struct tape *t, size_t origin, unsigned char *to);

/* Are the tape's bytes at `at` those that tape_write(origin) wrote? */
bool tape_intact(const struct tape *t, size_t origin, const unsigned char *at);

/* The window's bytes in the master, borrowed. */
unsigned char *tape_window(const struct tape *t, size_t origin, size_t place);

#endif
