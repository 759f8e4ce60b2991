/* SPDX-License-Identifier: Apache-2.0
 *
 * counters.h: the processor's event counters through PAPI. Many virtual machines have none; then
 * the reason is reported in their place, never a zero. */
#ifndef PAWL_COUNTERS_H
#define PAWL_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>

/* Say what counters there are: "unavailable: <reason>", or "available: cycles, ..." naming the
 * events that can be counted. Returns whether cycles can. Thread: one at a time. */
bool counters_probe(char *out, size_t bytes);

#endif
