/* SPDX-License-Identifier: Apache-2.0
 *
 * hotspots.h: where a running kernel spends its time, by samples of the instruction pointer. The
 * system's own sampler (perf_event_open with the software clock cpu-clock, what `perf record -e
 * cpu-clock` uses) is attached from outside to each thread of a worker: it needs no counters of the
 * processor and no cooperation. The kernel has no symbols there, so addresses are resolved here,
 * from the mapping and the linked object. Inside judge/ only. */
#ifndef PAWL_HOTSPOTS_H
#define PAWL_HOTSPOTS_H

#include "judge/profile/assembly.h"
#include "judge/profile/runner.h"

struct strbuf;

enum { HOTSPOTS_MAX_FUNCTIONS = 256 };

/* A function of the linked object. */
struct hotspots_symbol {
    char name[ASSEMBLY_MAX_NAME];
    uint64_t at; /* virtual address in the object */
    uint64_t bytes;
    uint64_t n_samples;
};

struct hotspots {
    char reason[160];             /* "" or "unavailable: ..." */
    uint64_t n_samples, n_kernel; /* all; those in the kernel's code */
    double seconds;               /* that the worker ran */
    struct hotspots_symbol symbols[HOTSPOTS_MAX_FUNCTIONS];
    size_t n_symbols;
};

/* Run the case for about `seconds` and sample it. `object` is what the runner runs. Samples go to
 * *out and into *a (functions of the same name). A system that refuses is a reason. Error: ERR_IO,
 * ERR_NOMEM. */
int hotspots_take(struct runner *r, const char *object, double seconds, struct assembly *a,
                  struct hotspots *out, struct judge_fault *fault);

/* The functions of a shared object, by address. Error: ERR_IO, ERR_FORMAT. */
int hotspots_symbols(const char *object, struct hotspots *out);

/* The function that covers `at`, NULL: none. */
struct hotspots_symbol *hotspots_find(struct hotspots *h, uint64_t at);

/* Where the object's virtual address 0 lies in a process, from the text of its /proc/PID/maps: its
 * executable part is the executable mapping that is neither a program, a library nor the system's
 * own; it lies at `code_at` in the object. 0: not found. */
uint64_t hotspots_base(const char *maps, const char *object, uint64_t code_at);

/* A table of the functions, hottest first. */
void hotspots_print(const struct hotspots *h, struct strbuf *out);

/* The hottest function; NULL without samples. */
const struct hotspots_symbol *hotspots_top(const struct hotspots *h);

#endif
