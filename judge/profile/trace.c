/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/trace.h"

#include "reference/base/err.h"

#include <stdio.h>
#include <time.h>

double trace_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int trace_init(struct trace *t)
{
    *t = (struct trace){.events = json_array(), .start_ns = trace_now_ns()};
    return t->events ? 0 : err_set(ERR_NOMEM, "out of memory for a trace");
}

void trace_deinit(struct trace *t)
{
    json_decref(t->events);
    t->events = NULL;
}

static void add_name(struct trace *t, const char *what, uint32_t process, uint32_t row,
                     const char *name)
{
    json_array_append_new(t->events,
                          json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", what, "ph", "M", "pid",
                                    (int)process, "tid", (int)row, "args", "name", name));
}

void trace_add_case(struct trace *t, uint32_t process, const char *name, uint32_t n_threads)
{
    char row[32];

    add_name(t, "process_name", process, TRACE_JUDGE_ROW, name);
    add_name(t, "thread_name", process, TRACE_JUDGE_ROW, "judge");
    for (uint32_t i = 0; i < n_threads; i++) {
        snprintf(row, sizeof row, "thread %u", i);
        add_name(t, "thread_name", process, i + 1, row);
    }
}

void trace_add_span(struct trace *t, uint32_t process, uint32_t row, const char *name,
                    double start_ns, double ns, json_t *detail)
{
    json_array_append_new(t->events, json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:o}", "name", name,
                                               "ph", "X", "pid", (int)process, "tid", (int)row,
                                               "ts", (start_ns - t->start_ns) * 1e-3, "dur",
                                               ns * 1e-3, "args", detail ? detail : json_object()));
}

json_t *trace_json(const struct trace *t, const char *closing)
{
    return json_pack("{s:O, s:s, s:{s:s}}", "traceEvents", t->events, "displayTimeUnit", "ns",
                     "otherData", "closing", closing);
}
