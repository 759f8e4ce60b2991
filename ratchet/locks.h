/* SPDX-License-Identifier: Apache-2.0
 *
 * locks.h: the repository lock (flock on <common git folder>/pawl/lock) admits one writing ratchet
 * per repository, worktrees included. It vanishes with the process, also after kill -9. The lock of
 * the measuring phase is the judge's (judge/machine/machine_lock.h). */
#ifndef PAWL_RATCHET_LOCKS_H
#define PAWL_RATCHET_LOCKS_H

/* Returns a descriptor to close when done. Error: ERR_CONFLICT, within a tenth of a second, when
 * somebody holds it. */
int lock_repository(const char *store);

/* 1 when somebody holds the repository lock now, else 0. */
int lock_repository_busy(const char *store);

#endif
