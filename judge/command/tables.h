/* SPDX-License-Identifier: Apache-2.0
 *
 * tables.h: what the `judge` program prints for people. Plain text, 100 columns, no colour. */
#ifndef PAWL_TABLES_H
#define PAWL_TABLES_H

#include "judge/measure/bench.h"

#include <stdio.h>

void tables_peaks(FILE *out, const struct judge_peaks *p);
void tables_check(FILE *out, const struct judge_check_report *r);

/* Time and rates of each case, the score, and the counters or why there are none. */
void tables_bench(FILE *out, const struct bench *b);

/* Where each case stands, the ceilings, the counters, `budgets` (a text, see budget_print), and a
 * closing line that names the wall most time is lost at. */
void tables_roofline(FILE *out, const struct bench *b, const char *budgets);

#endif
