/* SPDX-License-Identifier: Apache-2.0
 *
 * locks.h: the repository lock (flock on <common git folder>/pawl/lock) admits one writing ratchet
 * per repository, worktrees included. It vanishes with the process, also after kill -9. The lock of
 * the measuring phase is the judge's (judge/machine/machine_lock.h). */
#ifndef PAWL_RATCHET_LOCKS_H
#define PAWL_RATCHET_LOCKS_H

#include <stdbool.h>
#include <stdio.h>

/* Returns a descriptor to close when done. When somebody holds it: ERR_CONFLICT within a tenth of a
 * second, or with `wait` a line to `say` (may be NULL) and a place in the queue. */
int lock_repository(const char *store, FILE *say, bool wait);

/* 1 when somebody holds the repository lock now, else 0. */
int lock_repository_busy(const char *store);

#endif
