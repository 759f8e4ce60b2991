/* SPDX-License-Identifier: Apache-2.0
 *
 * search_report.h: what a search found, for people and for programs. */
#ifndef PAWL_RATCHET_SEARCH_REPORT_H
#define PAWL_RATCHET_SEARCH_REPORT_H

#include "ratchet/search/search.h"

/* Print to stdout. `end` NULL: of a search that is only looked at. The best point has the time that
 * all points together foretell (surface_best), all others what was measured. Errors: those of
 * surface_learn. */
int search_print(const struct search *s, const struct search_end *end);

/* The same as JSON; the caller decrefs. */
int search_json(const struct search *s, const struct search_end *end, json_t **out);

#endif
