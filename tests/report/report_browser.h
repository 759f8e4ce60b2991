/* SPDX-License-Identifier: Apache-2.0
 *
 * report_browser.h: pages of the report in headless Chromium, by browser.mjs. */
#ifndef PAWL_TEST_REPORT_BROWSER_H
#define PAWL_TEST_REPORT_BROWSER_H

/* Run browser.mjs on the pages in `folder` or, unless NULL, on `url`; every check must pass. Without
 * Chromium, node, npm's packages or charts in this build the test is skipped with the reason, unless
 * PAWL_REQUIRE_SHARED=1. */
void browser_check(const char *folder, const char *url);

#endif
