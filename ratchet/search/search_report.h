/* SPDX-License-Identifier: Apache-2.0
 *
 * search_report.h: what a search found, for people and for programs. */
#ifndef PAWL_RATCHET_SEARCH_REPORT_H
#define PAWL_RATCHET_SEARCH_REPORT_H

#include "ratchet/search/search.h"

/* Print to stdout. `end` NULL: of a search that is only looked at. */
int search_print(const struct search *s, const struct search_end *end);

/* The same as JSON; the caller decrefs. NULL on error. */
json_t *search_json(const struct search *s, const struct search_end *end);

#endif
