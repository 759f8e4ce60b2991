/* SPDX-License-Identifier: Apache-2.0
 *
 * landlock.h: a process that may read as before and write only where it is told, by Linux's
 * Landlock (5.13 and later), without privileges and also as root. What it starts inherits that; it
 * cannot be undone. Not covered: modes, owners and times of files, and the network. Source: the
 * kernel's Documentation/userspace-api/landlock.rst. For ratchet/ only. */
#ifndef PAWL_RATCHET_LANDLOCK_H
#define PAWL_RATCHET_LANDLOCK_H

#include <stddef.h>

/* Version of the system's Landlock; 0: this kernel has none, or it is switched off. */
int landlock_version(void);

/* From now on this process makes, writes, renames and removes files only below the folders (or in
 * the files) paths[0..n-1], and in the usual devices (null, zero, random, tty). From version 6 on it
 * cannot signal processes that are not confined with it. Paths that do not exist are left out.
 * Errors: ERR_UNSUPPORTED, ERR_IO; then nothing is confined. */
int landlock_confine(const char *const *paths, size_t n);

#endif
