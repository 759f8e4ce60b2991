/* SPDX-License-Identifier: Apache-2.0
 *
 * fileio.h: whole files in and out, and whole commands run. */
#ifndef PAWL_FILEIO_H
#define PAWL_FILEIO_H

#include <stddef.h>

struct strbuf;

/* Append the file's bytes to *out. Error: ERR_IO naming the path. */
int file_read(const char *path, struct strbuf *out);

/* Write through a temporary file in the same folder, fsync and rename: readers see old or new. */
int file_write_atomic(const char *path, const void *data, size_t bytes);

/* mkdir -p. */
int file_make_dirs(const char *path);

/* rm -rf; missing is not an error. */
int file_remove_tree(const char *path);

/* Run argv (NULL-terminated, argv[0] looked up in PATH) in `dir` (NULL: here), its stdout and
 * stderr appended to *output (NULL: inherited). Returns the exit status 0..255, 128 + signal,
 * ERR_TIMEOUT after `timeout_s` seconds (0: none; its process group is killed), or ERR_IO. The
 * command gets SIGTERM when this process dies first. */
int process_run(char *const argv[], const char *dir, int timeout_s, struct strbuf *output);

#endif
