/* SPDX-License-Identifier: Apache-2.0
 *
 * machine_lock.h: one measurement at a time on a machine. The lock is flock on
 * /run/lock/pawl-measure.lock (in /tmp where /run/lock is missing) and vanishes with the process,
 * also after kill -9. Whoever takes a time that somebody will believe holds it. */
#ifndef PAWL_MACHINE_LOCK_H
#define PAWL_MACHINE_LOCK_H

#include "judge/judge.h"

/* Wait until nobody else measures, saying so once through o->progress. Returns a descriptor that
 * the caller closes when done. Error: ERR_IO. */
int machine_lock_take(const struct judge_options *o);

#endif
