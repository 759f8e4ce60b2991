/* SPDX-License-Identifier: Apache-2.0
 *
 * resident.h: large anonymous memory on 2 MiB boundaries, with huge pages asked for, zero until
 * written. Weights, KV pages and the arena live in such. Only the engine includes this. */
#ifndef PAWL_RESIDENT_H
#define PAWL_RESIDENT_H

#include <stddef.h>

struct resident {
    void *data;   /* 2 MiB aligned */
    size_t bytes; /* as asked for */
    void *map;    /* what the system gave */
    size_t map_bytes;
};

/* Error: ERR_NOMEM naming `what`, also for more than the machine's memory. Release with
 * resident_unmap, which accepts a zeroed struct. */
int resident_map(size_t bytes, const char *what, struct resident *out);
void resident_unmap(struct resident *r);

/* Bytes of r on 2 MiB pages at this moment, as the system counts them; 0 where it does not say.
 * Only what has been written lies on any page at all. */
size_t resident_huge_bytes(const struct resident *r);

/* The most memory that this process has had at one time, mapped files included, as the system
 * counts it (VmHWM); 0 where it does not say. */
size_t process_peak_bytes(void);

#endif
