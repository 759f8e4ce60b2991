/* SPDX-License-Identifier: Apache-2.0
 *
 * hypothesis.h: the words that come with a change. They end up in a commit, in the ledger and on
 * terminals. For ratchet/ only. */
#ifndef PAWL_RATCHET_HYPOTHESIS_H
#define PAWL_RATCHET_HYPOTHESIS_H

enum { HYPOTHESIS_MOST = 4000 }; /* bytes */

/* ERR_USAGE, with the remedy, unless `text` is valid UTF-8 that says something, of at most
 * HYPOTHESIS_MOST bytes and without control characters other than newline and tab. */
int hypothesis_check(const char *text);

#endif
