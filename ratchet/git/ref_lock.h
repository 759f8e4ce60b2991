/* SPDX-License-Identifier: Apache-2.0
 *
 * ref_lock.h: the locks of refs. Whoever moves refs/x creates refs/x.lock first, for milliseconds;
 * killed in between it leaves the file, and nobody moves that ref any more. For ratchet/ only. */
#ifndef PAWL_RATCHET_REF_LOCK_H
#define PAWL_RATCHET_REF_LOCK_H

#include <git2.h>
#include <stdbool.h>

/* After GIT_ELOCKED, with *tries = 0 at first: waits a moment and says whether to try again. A lock
 * that has stood for REF_LOCK_SECONDS was left behind and is removed. */
enum { REF_LOCK_SECONDS = 10 };
bool ref_lock_wait(git_repository *repo, const char *ref, int *tries);

#endif
