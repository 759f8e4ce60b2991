/* SPDX-License-Identifier: Apache-2.0
 *
 * report_views.h: how far the wins have come, seen from one side at a time. A view is a path (the
 * features an experiment was judged with: "all", "avx2", ...) and a subject: "mix", the workload's
 * cases by their weights, or one operation. What an experiment says about a view is the weighted sum
 * of its estimates over the view's cases that were in its focus, as `ratchet audit --cumulative`
 * counts claims (honesty.h): with --focus it speaks of its own cases alone, and a case that a win of
 * the view should have measured and did not is left out altogether.
 *
 *   [{path, subject, cases [index], left_out [index],
 *     points [[experiment, before, gain, deviation]], level}]
 *
 * in natural logarithms of a time ratio: `before` is what the wins until then add up to, `gain` what
 * this attempt claims on top (for a loss: would have), `deviation` the standard deviation of it,
 * `level` the sum of all wins. */
#ifndef PAWL_REPORT_VIEWS_H
#define PAWL_REPORT_VIEWS_H

#include <jansson.h>

/* Of the documents' arrays "attempts" and "cases"; a new reference. */
json_t *report_views(const json_t *attempts, const json_t *cases);

#endif
