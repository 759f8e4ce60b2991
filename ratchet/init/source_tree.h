/* SPDX-License-Identifier: Apache-2.0
 *
 * source_tree.h: Pawl's own source tree, found from where this program lies. The judge of another
 * problem is linked there (`make PROBLEM=DIR`), from the very objects that judge ours. */
#ifndef PAWL_SOURCE_TREE_H
#define PAWL_SOURCE_TREE_H

#include "reference/base/sha256.h"

#include <limits.h>
#include <stdio.h>

/* The nearest folder above this program that holds the Makefile and judge/hash.sh. Error:
 * ERR_UNSUPPORTED: there is none (the program was moved, or the tree is gone). */
int source_tree_find(char out[PATH_MAX]);

/* Digest of what is sealed for every problem (judge/hash.sh --shared). Error: ERR_IO. */
int source_tree_digest(const char *tree, char hex[SHA256_HEX]);

/* Run `make PROBLEM=folder` in the tree, one at a time; `say` (NULL: nobody) hears of the first time,
 * and what make says when it fails.
 * programs: the folder that then holds judge, judge-worker and ratchet. folder: absolute. Errors:
 * ERR_IO, ERR_CONFLICT (it cannot be built). */
int source_tree_build(const char *tree, const char *folder, FILE *say, char programs[PATH_MAX]);

#endif
