/* SPDX-License-Identifier: Apache-2.0
 *
 * allowed.h: files and folders of its own that an agent may write beside its workspace, such as a
 * coding agent's in the user's home: never the repository. For ratchet/ only. */
#ifndef PAWL_RATCHET_ALLOWED_H
#define PAWL_RATCHET_ALLOWED_H

#include "ratchet/ratchet.h"

enum { ALLOWED_MAX = 29 };

/* Append the paths of `list` ("a:b") to *out in full, between colons. ERR_USAGE when one does not
 * exist, holds the repository or lies in it, or when there are more than ALLOWED_MAX. */
int allowed_read(struct ratchet *r, const char *list, struct strbuf *out);

#endif
