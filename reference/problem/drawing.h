/* SPDX-License-Identifier: Apache-2.0
 *
 * drawing.h: cases that are in no list. A kernel that is only right, or only fast, at the listed
 * sizes must not pass: the check adds cases that problem_shipped.draw makes up with these, and the
 * confirmation times listed ones at other sizes. For reference/ only. */
#ifndef PAWL_DRAWING_H
#define PAWL_DRAWING_H

#include "reference/base/rng.h"
#include "reference/problem.h"

/* A case under construction. */
struct drawing {
    struct rng r;
    struct problem_drawn *out;
    size_t n_params, n_name;
};

/* low..high, both included. */
int64_t drawing_between(struct drawing *d, int64_t low, int64_t high);

/* True once in `times`. */
bool drawing_once_in(struct drawing *d, uint64_t times);

/* One of the entries of an array. */
#define DRAWING_PICK(d, array) (array)[rng_below(&(d)->r, sizeof(array) / sizeof(array)[0])]

/* Set the operation, one thread, the patterns; the name begins with "drawn-" and the operation. */
void drawing_begin(struct drawing *d, const char *op, uint32_t patterns);

/* Add a parameter (`key` is borrowed for good), and text to the name. */
void drawing_set(struct drawing *d, const char *key, int64_t value);
void drawing_say(struct drawing *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
