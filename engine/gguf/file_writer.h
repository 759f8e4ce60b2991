/* SPDX-License-Identifier: Apache-2.0
 *
 * file_writer.h: a file written front to back that stands at its path whole or not at all: it
 * grows under another name beside it and takes its place when it is finished. For the files the
 * engine writes. */
#ifndef PAWL_FILE_WRITER_H
#define PAWL_FILE_WRITER_H

#include <stddef.h>

struct file_writer;

/* Start a file that will stand at `path` with permissions `mode`. Errors: ERR_IO, also when
 * something other than a regular file is there; ERR_RANGE (path too long), ERR_NOMEM. */
int file_writer_open(const char *path, unsigned mode, struct file_writer **out);

/* Error: ERR_IO. */
int file_writer_add(struct file_writer *w, const void *data, size_t bytes);

/* Zeros up to the next multiple of the power of two `align`. Error: ERR_IO. */
int file_writer_align(struct file_writer *w, size_t align);

/* Bytes so far. */
size_t file_writer_at(const struct file_writer *w);

/* Sync, put the file in its place and close the writer, unless there is an error: ERR_IO. */
int file_writer_finish(struct file_writer **w);

/* Remove what was written; NULL is accepted. */
void file_writer_abandon(struct file_writer **w);

#endif
