/* SPDX-License-Identifier: Apache-2.0
 *
 * file_map.h: a whole file mapped read-only. For the files the engine reads. */
#ifndef PAWL_FILE_MAP_H
#define PAWL_FILE_MAP_H

#include <stddef.h>

struct file_map {
    void *data; /* page-aligned; NULL: the file is empty, or nothing is mapped */
    size_t bytes;
};

/* Release with file_map_close, which accepts a zeroed struct. Error: ERR_IO naming the path, also
 * for what is no regular file. */
int file_map_open(const char *path, struct file_map *out);
void file_map_close(struct file_map *m);

#endif
