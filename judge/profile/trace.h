/* SPDX-License-Identifier: Apache-2.0
 *
 * trace.h: spans of time in the Trace Event format that chrome://tracing and Perfetto read: one
 * process per case, one row per thread. Inside judge/ only. */
#ifndef PAWL_TRACE_H
#define PAWL_TRACE_H

#include <jansson.h>
#include <stdint.h>

enum { TRACE_JUDGE_ROW = 0 }; /* the judge's row of a case; thread i of the team has row i + 1 */

struct trace {
    json_t *events;
    double start_ns; /* zero of the time axis, CLOCK_MONOTONIC */
};

/* An empty trace that starts now. Error: ERR_NOMEM. Released by trace_deinit. */
int trace_init(struct trace *t);
void trace_deinit(struct trace *t);

/* CLOCK_MONOTONIC. */
double trace_now_ns(void);

/* Name case number `process`, and its rows: the judge and `n_threads` threads. */
void trace_add_case(struct trace *t, uint32_t process, const char *name, uint32_t n_threads);

/* A span; `detail` (a new reference, may be NULL) is shown when it is selected. */
void trace_add_span(struct trace *t, uint32_t process, uint32_t row, const char *name,
                    double start_ns, double ns, json_t *detail);

/* New reference: the whole document; `closing` is kept beside the events. */
json_t *trace_json(const struct trace *t, const char *closing);

#endif
