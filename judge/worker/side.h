/* SPDX-License-Identifier: Apache-2.0
 *
 * side.h: the judge's end of one worker process. A side is stopped except while it carries out a
 * command; a command has ended when the worker has rung back *and* the system reports that it has
 * stopped itself, so nothing can happen later, and who rings too early has gained nothing: only the
 * stop of a timed worker wakes the judge. A stop without an answer is a crash. The clock is read
 * here, outside the worker. What a worker does wrong (dies, hangs) is a value. Inside judge/
 * only; one thread, but see `inspectable`; SIGCHLD must not be ignored. */
#ifndef PAWL_SIDE_H
#define PAWL_SIDE_H

#include "judge/worker/segment.h"
#include "judge/worker/worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct side;

/* How a worker is set up. Segments may be SEGMENT_NONE-like (fd < 0) when no slot names them; they
 * stay the caller's and may be closed once side_open returned. */
struct side_spec {
    const char *worker; /* path of judge-worker; judge-worker-sanitized lies beside it */
    const char *object; /* path of the kernel's shared object */
    const struct segment *input, *opaque, *output;
    uint64_t features;
    uint32_t n_threads;               /* largest team, 1..WORKER_MAX_THREADS */
    uint32_t n_requests;              /* size of the request table */
    int32_t core[WORKER_MAX_THREADS]; /* processors, -1: anywhere */
    uint64_t place_seed;              /* draws stack and scratch offsets; 0: none */
    bool inspectable;                 /* side_fpu works, and several threads may each have a side:
                                       * the check's workers, never timed ones */
    bool sanitized;                   /* the object is judge_build_link_sanitized's */
    uint32_t n_slots;
    struct worker_slot slots[WORKER_MAX_SLOTS];
};

enum side_status {
    SIDE_OK = 0,
    SIDE_CRASHED,   /* a signal, or it left by itself */
    SIDE_TIMEOUT,   /* no answer in time; the worker is dead now */
    SIDE_FORBIDDEN, /* it asked for a system call that is not allowed, or read a clock */
    SIDE_GHOST,     /* its processor time moved while it was stopped */
    SIDE_UNSOUND,   /* a sanitizer stopped it; `what` is its sentence */
};

struct side_result {
    enum side_status status;
    uint64_t ns;                 /* from before the bell to after the stop; CLOCK_MONOTONIC */
    int32_t returned;            /* first kernel result that is not KERNEL_OK */
    uint32_t failed_request;     /* its request */
    struct kernel_tiling tiling; /* META: as the worker says, unchecked; names are NULL */
    uint64_t cpu_ns;             /* processor time of all its threads during the command */
    char what[256];              /* crash: "killed by SIGSEGV", ... */
};

/* Start a worker and wait until it has loaded the object, shut itself in and is stopped. The
 * caller's process can no longer be traced or dumped afterwards. Error: ERR_IO (does not start),
 * ERR_FORMAT (the object does not load). */
int side_open(const struct side_spec *spec, struct side **out);
void side_close(struct side **s);

/* The request table, n_requests long; changes count after a command with `reload`. Borrowed. */
struct worker_request *side_requests(struct side *s);

/* Carry out one command; the requests it names must be in the table. Whatever status but SIDE_OK
 * comes back, the worker is dead. Error: ERR_IO (the system refuses), ERR_USAGE (the worker is dead
 * already). */
int side_command(struct side *s, const struct worker_command *command, uint64_t timeout_ns,
                 struct side_result *out);

/* Zero each thread's scratch as far as the requests declare it, and take the pages beyond away:
 * nothing that a kernel keeps there lives from one slice to the next. Between commands. Error:
 * ERR_IO. */
int side_scratch_clear(struct side *s);

/* What one of worker_request.extra_steps costs a thread on the first thread's processor, in ns: the
 * difference of WORKER_SPIN with many steps and with none, least of three; some 4 ms. Error: as
 * side_command. */
int side_step_ns(struct side *s, double *ns);

/* Control words of the floating-point units of all threads, read from outside while they are
 * stopped: what a hostile process says of itself proves nothing. *clean is true when all are as the
 * contract leaves them (MXCSR 0x1f80 but for its flags; x87 0x37f, empty stack); else `what` (>=
 * 128 bytes) names what is not. Error: ERR_UNSUPPORTED when the system forbids tracing. */
int side_fpu(struct side *s, bool *clean, char *what);

/* Processors this process may run on, ascending, at most `max`; returns how many there are. */
uint32_t side_cores(int32_t *core, uint32_t max);

#endif
