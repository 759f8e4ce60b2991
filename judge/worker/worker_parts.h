/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_parts.h: what the files of the judge-worker program share. Compiled with WORKER_SANITIZED
 * it is judge-worker-sanitized, which takes a kernel with address and undefined-behaviour checks in
 * it: that one needs the dynamic linker and the sanitizers' runtime, so its filter is wider and it
 * is good for checking only. Start-up code; nobody else includes this. */
#ifndef PAWL_WORKER_PARTS_H
#define PAWL_WORKER_PARTS_H

#include "judge/worker/worker.h"

#include <stddef.h>

typedef int worker_kernel_fn(const struct kernel_call *, const struct kernel_team *);
typedef int worker_tiling_fn(const struct kernel_call *, uint32_t, uint64_t,
                             struct kernel_tiling *);

struct worker_entry {
    worker_kernel_fn *kernel_fn;
    worker_tiling_fn *tiling_fn;
};

/* Leave a sentence in the control page and exit: start-up failed. */
_Noreturn void worker_fail(const char *what, const char *why);

/* A shared mapping of a judge's file; `at` NULL: anywhere. Fails as worker_fail. */
unsigned char *worker_file_map(int fd, size_t offset, size_t bytes, int protection, int flags,
                               void *at);

/* Map the image file between guard pages, relocate and protect it. No candidate code runs. */
void worker_image_load(size_t image_bytes, struct worker_entry *out);

/* The sanitized kernel: dlopen of `path`. Its constructors do run, behind worker_walls_loading. */
void worker_object_load(const char *path, struct worker_entry *out);

/* Close every descriptor, take the vDSO away and let the time-stamp counter fault, for this thread
 * and those it makes. `control` is where the reason of such a death is left. */
void worker_walls_clocks(struct worker_control *control);

/* Sanitized only: what a dynamic linker needs and nothing that could change a file. */
void worker_walls_loading(void);

/* Limits, not traceable unless `inspectable`, no new privileges, and the filter of system calls for
 * all threads. Afterwards only futexes without a timeout, stopping oneself and
 * exits are left. All threads must be
 * past their own start-up, and nobody may allocate any more. */
void worker_walls_raise(int inspectable);

#endif
