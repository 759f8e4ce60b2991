/* SPDX-License-Identifier: Apache-2.0
 *
 * worker.h: the protocol between the judge and a worker process, the only place where candidate
 * code is mapped. Memory files are inherited under fixed descriptor numbers and closed once mapped:
 * the plan (judge writes, worker reads), the control page (worker writes, the judge distrusts it),
 * the image of the kernel, the scratch, and the inputs, opaque bytes and outputs. The judge rings
 * the plan's doorbell; the worker answers by storing the same number into `done`, and then stops
 * itself (SIGSTOP). It keeps no time and reports no result: the judge reads outputs from the shared
 * memory and its own clock.
 *
 * The order of a worker's life: map everything, put the kernel's image together, close all
 * descriptors, take the clocks away, make the team's threads, lower the limits, let the filter of
 * system calls fall for all threads, and only then the first instruction of the candidate. Inside
 * judge/ only. */
#ifndef PAWL_WORKER_H
#define PAWL_WORKER_H

#include "kernel/kernel.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WORKER_MAX_THREADS = 16,
    WORKER_MAX_SLOTS = 64,
    WORKER_PAGE = 4096,
    WORKER_LARGE_PAGE = 2 << 20,
    WORKER_MAX_PARTS = 16,
};

/* One thread's scratch at most; a kernel that asks for more breaks the contract. */
#define WORKER_SCRATCH_BYTES ((size_t)64 << 20)

/* Thread i's part of the scratch file begins at i * WORKER_SCRATCH_ROOM; its scratch ends
 * plan.scratch_shift bytes before the part does. */
#define WORKER_SCRATCH_ROOM (WORKER_SCRATCH_BYTES + WORKER_PAGE)

/* What each thread's stack has for the kernel: enough for tiles, too little for stored answers. */
#define WORKER_STACK_BYTES ((size_t)256 << 10)

/* Descriptor numbers in a freshly started worker. The sanitized worker has no image: its argv[1] is
 * the shared object to load, and descriptor 2 is where the sanitizer's report goes. */
enum worker_file {
    WORKER_PLAN = 3,
    WORKER_CONTROL,
    WORKER_IMAGE,
    WORKER_SCRATCH,
    WORKER_INPUT,
    WORKER_OPAQUE,
    WORKER_OUTPUT,
    WORKER_FILES_END,
};

/* A run of pages of one file, mapped between PROT_NONE guard pages. */
struct worker_slot {
    uint32_t file;        /* enum worker_file */
    uint32_t writable;    /* else read-only */
    uint32_t populate;    /* fault the pages in before the first command */
    uint32_t reserved;    /* 0 */
    size_t offset, bytes; /* in the file, multiples of WORKER_PAGE; bytes >= 1 page */
};

/* Where a tensor's data lies: a slot and a byte offset in it, carried in kernel_tensor.data until
 * the worker turns it into an address. 0 stands for NULL. */
#define WORKER_AT(slot, offset) (((uint64_t)(slot) + 1) << 44 | (uint64_t)(offset))
#define WORKER_AT_SLOT(at)      ((uint32_t)((at) >> 44) - 1)
#define WORKER_AT_OFFSET(at)    ((size_t)((at) & ((UINT64_C(1) << 44) - 1)))

struct worker_request {
    struct kernel_call call; /* tensor data: WORKER_AT values */
    size_t scratch_bytes;    /* given to each thread, <= WORKER_SCRATCH_BYTES */
    uint64_t extra_steps;    /* of a multiply chain that each thread does afterwards: the known
                              * extra work of a control; 0 otherwise. Cost: side_step_ns */
};

enum worker_op {
    WORKER_LOAD, /* only read requests base .. base+pool-1 again; no candidate code runs */
    WORKER_META, /* get_tiling_meta of request `base` for `n_threads` threads */
    WORKER_RUN,  /* kernel_fn of `count` requests: base + (start + i) % pool, i = 0..count-1 */
    WORKER_SPIN, /* `count` steps of the chain of extra_steps by the first thread, no candidate
                  * code: what a step costs is for the judge's clock to say */
};

struct worker_command {
    uint32_t op;        /* enum worker_op */
    uint32_t reload;    /* requests base .. base+pool-1 changed: read them again first */
    uint32_t n_threads; /* team size, <= the plan's */
    uint32_t base, pool, start, count;
};

/* First page(s) of the plan file; n_requests requests follow at WORKER_REQUESTS_OFFSET. */
struct worker_plan {
    _Alignas(64) _Atomic uint32_t doorbell; /* number of the current command; 1 = start up */
    _Alignas(64) struct worker_command command;
    uint64_t features; /* enum kernel_feature bits */
    uint32_t n_threads, n_slots, n_requests;
    uint32_t spins;                           /* looks at a doorbell before sleeping on it */
    int32_t judge_pid;                        /* the worker's parent; when it is gone, leave */
    int32_t core[WORKER_MAX_THREADS];         /* processor of each thread, -1: anywhere */
    uint32_t stack_shift[WORKER_MAX_THREADS]; /* bytes, multiples of 16, < WORKER_PAGE */
    uint32_t scratch_shift;                   /* bytes, a multiple of 64, < WORKER_PAGE */
    uint32_t inspectable;                     /* stay traceable from outside */
    size_t image_bytes;                       /* see struct worker_image */
    struct worker_slot slots[WORKER_MAX_SLOTS];
};
#define WORKER_REQUESTS_OFFSET ((size_t)WORKER_PAGE)
_Static_assert(sizeof(struct worker_plan) <= WORKER_PAGE, "the plan's head fits its page");

/* The linked kernel, taken apart by the judge (image.h) and put together by the worker without a
 * dynamic linker. The image file holds the bytes as they lie in memory, from virtual address 0 up
 * to plan.image_bytes (whole pages), then this head, then the relocations. Everything in it has
 * been checked. */
struct worker_part {
    size_t at, bytes;   /* in the image, whole pages */
    int32_t protection; /* PROT_*, in force before any candidate code runs; else nothing */
};

enum worker_base { WORKER_BASE_IMAGE, WORKER_BASE_MEMCPY, WORKER_BASE_MEMMOVE, WORKER_BASE_MEMSET };

/* The 8 bytes at `at` become the address of `base` plus `addend`. */
struct worker_relocation {
    size_t at;
    uint64_t addend;
    uint32_t base; /* enum worker_base */
};

struct worker_image {
    size_t kernel_fn, tiling_fn; /* entry points, in the image */
    uint32_t n_parts, n_relocations;
    struct worker_part parts[WORKER_MAX_PARTS]; /* later ones override earlier ones */
};

struct worker_control {
    _Alignas(64) _Atomic uint32_t done; /* number of the last command that ended */
    _Alignas(64) int32_t returned;      /* first result of the command that is not KERNEL_OK */
    uint32_t failed_request;            /* which request it was */
    struct kernel_tiling tiling;        /* WORKER_META; its name pointers are the worker's own */
    uint32_t clock_read;                /* 1: it died reading a time-stamp counter */
    char error[192];                    /* start-up failed: why; else "" */
};
_Static_assert(sizeof(struct worker_control) <= WORKER_PAGE, "the control fits its page");

#endif
