/* SPDX-License-Identifier: Apache-2.0
 *
 * counters.h: the processor's event counters through PAPI. They count this thread and the processes
 * it starts after counters_start (PAPI's inheritance), so a worker is counted from outside with all
 * its threads, knows nothing of it and stays undumpable. User mode only, which needs no privilege.
 * Many machines can count nothing; then the reason is reported in place of a number, never a zero.
 * Inside judge/ only; one thread at a time. */
#ifndef PAWL_COUNTERS_H
#define PAWL_COUNTERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { COUNTERS_MAX = 8, COUNTERS_NAMES = 3 };

struct counters_event {
    const char *name;                 /* "L3 misses" */
    const char *papi[COUNTERS_NAMES]; /* PAPI's names for it, the best first; NULL: no more */
    unsigned line_bytes;              /* moved by one event; 0: it moves nothing */
};

/* Cycles, instructions, misses of each cache; the processor and PAPI decide which can be had. Ends
 * with a NULL name. */
extern const struct counters_event counters_wanted[];

struct counters {
    const struct counters_event *event; /* [n], borrowed */
    size_t n;
    int set[COUNTERS_MAX];         /* PAPI's */
    char reason[COUNTERS_MAX][64]; /* why event i cannot be counted; "": it can */
};

/* Make the events (<= COUNTERS_MAX, ended by a NULL name) ready. Never fails: reasons say what is
 * missing. Released with counters_deinit, after which names and reasons can still be read. */
void counters_init(const struct counters_event *events, struct counters *c);
void counters_deinit(struct counters *c);

/* Can any event still be counted? */
bool counters_any(const struct counters *c);

/* Count event i, which has no reason, until counters_stop; one event at a time, so that none is an
 * estimate. What goes wrong becomes the event's reason, and the count since the start is 0. */
void counters_start(struct counters *c, size_t i);
double counters_read(struct counters *c, size_t i);
void counters_stop(struct counters *c, size_t i);

/* New reference: each event's count [n] or the string "unavailable: reason"; `ipc` and `bytes` (by
 * event, of misses) where they can be had. */
json_t *counters_json(const struct counters *c, const double *count);

/* Instructions per cycle, 0 when one of them was not counted. */
double counters_ipc(const struct counters *c, const double *count);

/* Say what counters there are: "unavailable: <reason>", or "available: cycles, ..." naming the
 * events that can be counted. Returns whether cycles can. */
bool counters_probe(char *out, size_t bytes);

#endif
