/* SPDX-License-Identifier: Apache-2.0
 *
 * locks.h: the two locks. The repository lock (flock on <common git folder>/pawl/lock) admits one
 * writing ratchet per repository, worktrees included. The machine lock (flock on
 * /run/lock/pawl-measure.lock, in /tmp where /run/lock is missing) admits one measurement at a
 * time; whoever measures on this machine should hold it. Both vanish with the process, also after
 * kill -9. */
#ifndef PAWL_RATCHET_LOCKS_H
#define PAWL_RATCHET_LOCKS_H

/* Returns a descriptor to close when done. Error: ERR_CONFLICT at once when somebody holds it. */
int lock_repository(const char *store);

/* Blocks until nobody else measures; `waiting` (may be NULL) is called once before it blocks. */
int lock_machine(void (*waiting)(void *ctx), void *ctx);

/* 1 when somebody holds the repository lock now, else 0. */
int lock_repository_busy(const char *store);

#endif
