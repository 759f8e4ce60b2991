/* SPDX-License-Identifier: Apache-2.0
 *
 * ref_lock.h: the locks of refs. Whoever moves refs/x creates refs/x.lock first, for milliseconds;
 * killed in between it leaves the file, and nobody moves that ref any more. For ratchet/ only. */
#ifndef PAWL_RATCHET_REF_LOCK_H
#define PAWL_RATCHET_REF_LOCK_H

#include <git2.h>
#include <stdbool.h>

/* A lock that has stood so long was left behind. */
enum { REF_LOCK_SECONDS = 10 };

/* After GIT_ELOCKED, with *tries = 0 at first: removes a lock that was left behind, or waits a moment;
 * says whether to try again. */
bool ref_lock_wait(git_repository *repo, const char *ref, int *tries);

#endif
