/* SPDX-License-Identifier: Apache-2.0
 *
 * report_cumulative.h: the newest output of `ratchet audit --cumulative` that the tree keeps
 * (profiles/<folder>/cumulative.txt). */
#ifndef PAWL_REPORT_CUMULATIVE_H
#define PAWL_REPORT_CUMULATIVE_H

#include <jansson.h>

/* {file (below root), said (its first line), head, wins, cases [{name, measured, claimed, ratio}],
 * total (likewise) or null, remarks [text]}, each number a triple [value, low, high] of times; JSON
 * null when there is no such file. `root` ends with '/'. A new reference. */
json_t *report_cumulative(const char *root);

#endif
