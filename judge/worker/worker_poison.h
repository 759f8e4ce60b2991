/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_poison.h: in the sanitized worker, everything in the slots and the scratch but the bytes
 * of the current call's tensors is poisoned, so that one byte too far is caught wherever it lies.
 * Elsewhere these functions are nothing. Part of the worker program only. */
#ifndef PAWL_WORKER_POISON_H
#define PAWL_WORKER_POISON_H

#include "kernel/kernel.h"

#ifdef WORKER_SANITIZED

#include <sanitizer/asan_interface.h>

static inline void poison_all(void *data, size_t bytes)
{
    __asan_poison_memory_region(data, bytes);
}

/* Shadow memory speaks of 8 bytes at a time and of the first n of them only: opening a tensor that
 * begins within 8 opens the bytes before it, too, and they are to be closed again. */
static inline void poison_tensors(const struct kernel_call *call, int poison)
{
    for (int k = 0; k < 2 * KERNEL_MAX_TENSORS; k++) {
        const struct kernel_tensor *t =
            k < KERNEL_MAX_TENSORS ? &call->in[k] : &call->out[k - KERNEL_MAX_TENSORS];

        size_t before = (uintptr_t)t->data % 8;

        if (t->data && poison)
            __asan_poison_memory_region((char *)t->data - before, t->bytes + before);
        else if (t->data)
            __asan_unpoison_memory_region(t->data, t->bytes);
    }
}

/* Before a call: the first thread opens the tensors, each thread its scratch; nobody starts until
 * they are open. */
static inline void poison_begin(const struct kernel_call *call, const struct kernel_team *team,
                                void (*barrier)(uint32_t size))
{
    __asan_unpoison_memory_region(team->scratch, team->scratch_bytes);
    if (team->rank == 0)
        poison_tensors(call, 0);
    if (team->size > 1)
        barrier(team->size);
}

/* After a call that all threads have left. */
static inline void poison_end(const struct kernel_call *call, const struct kernel_team *team)
{
    __asan_poison_memory_region(team->scratch, team->scratch_bytes);
    if (team->rank == 0)
        poison_tensors(call, 1);
}

#else

static inline void poison_all(void *data, size_t bytes)
{
    (void)data;
    (void)bytes;
}

static inline void poison_begin(const struct kernel_call *call, const struct kernel_team *team,
                                void (*barrier)(uint32_t size))
{
    (void)call;
    (void)team;
    (void)barrier;
}

static inline void poison_end(const struct kernel_call *call, const struct kernel_team *team)
{
    (void)call;
    (void)team;
}

#endif

#endif
