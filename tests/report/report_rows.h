/* SPDX-License-Identifier: Apache-2.0
 *
 * report_rows.h: campaigns for the tests of the report. */
#ifndef PAWL_TEST_REPORT_ROWS_H
#define PAWL_TEST_REPORT_ROWS_H

#include "tests/ratchet/ratchet_fixture.h"

/* Text that would run, load or break out, were it ever taken for HTML or JSON. */
#define HOSTILE                                                                                    \
    "</script><script>document.title='owned'</script><img src=x "                                  \
    "onerror=\"document.title='owned'\">"                                                          \
    "<!--<script>{{DATA}} \\u003c &amp; \"quoted\" \xe2\x80\xa8 \xf0\x9f\xa6\x86"

/* A row with the cases of a small problem, straight into the ledger (its commits do not exist). The
 * estimate is a natural logarithm; NAN: not measured. */
void rows_add(struct ratchet *r, const char *verdict, const char *hypothesis, const char *focus,
              double estimate);

/* A row as only another program would write it: its record has all members, and nothing in them. */
void rows_add_foreign(struct ratchet *r);

/* n rows of all verdicts, of a judge that changes every 500. */
void rows_campaign(struct ratchet *r, int n);

/* What `ratchet report` shows of the repository; the caller decrefs. */
json_t *rows_report(struct ratchet *r);

#endif
