/* SPDX-License-Identifier: Apache-2.0
 *
 * landlock.h: a process that may read as before and write only where it is told, by Linux's
 * Landlock (5.13 and later), without privileges and also as root. What it starts inherits that; it
 * cannot be undone. Not covered: modes, owners and times of files, the network, before version 3
 * truncate(2), and before version 6 signals. Source: the kernel's Documentation/userspace-api/landlock.rst. For ratchet/ only. */
#ifndef PAWL_RATCHET_LANDLOCK_H
#define PAWL_RATCHET_LANDLOCK_H

#include <stddef.h>

/* Versions from which on it keeps contents of files, and other processes, from what it confines. */
enum { LANDLOCK_KEEPS_FILES = 3, LANDLOCK_KEEPS_PROCESSES = 6 };

/* Version of the system's Landlock; 0: this kernel has none, or it is switched off. */
int landlock_version(void);

/* From now on this process makes, writes, renames and removes files only below the folders (or in
 * the files) paths[0..n-1], and in the usual devices (null, zero, random, tty). It cannot
 * truncate others from version 3 on, nor signal processes that are not confined with it from version 6
 * on. Paths that do not exist are left out.
 * Errors: ERR_UNSUPPORTED, ERR_IO; then nothing is confined. */
int landlock_confine(const char *const *paths, size_t n);

#endif
