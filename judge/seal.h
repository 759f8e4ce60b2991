/* SPDX-License-Identifier: Apache-2.0
 *
 * seal.h: the judge hash of a source tree as it lies on disk, to be compared with the one built
 * into the program (judge_hash). The definition is that of judge/hash.sh. */
#ifndef PAWL_SEAL_H
#define PAWL_SEAL_H

#include "reference/base/sha256.h"

/* SHA-256 of the lines "<sha256>  <path>\n" of all regular files in root/judge and root/reference
 * and of kernel/kernel.h, by path in byte order; names that start with '.' or end with '~' do not
 * count. Error: ERR_IO naming the path. */
int judge_seal_compute(const char *root, char hex[SHA256_HEX]);

/* ERR_CONFLICT, with a message that says what to do, when root's seal is not judge_hash. */
int judge_seal_check(const char *root);

#endif
