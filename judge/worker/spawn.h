/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn.h: starting the worker program with the files it is meant to have and nothing else of the
 * judge's: no other descriptor, no environment, no blocked signal. Inside judge/ only. */
#ifndef PAWL_SPAWN_H
#define PAWL_SPAWN_H

#include "judge/worker/worker.h"

#include <sys/types.h>

enum { SPAWN_FILES = WORKER_FILES_END - WORKER_PLAN };

/* Run `program` with `argument` (NULL: none), file[i] (-1: closed) as descriptor WORKER_PLAN + i
 * and `report` (-1: the null device) as its standard error. It leads a process group of its own.
 * The caller kills and reaps it. Error: ERR_IO. */
int spawn_worker(const char *program, const char *argument, const int file[SPAWN_FILES], int report,
                 pid_t *out);

#endif
