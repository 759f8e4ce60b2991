/* SPDX-License-Identifier: Apache-2.0
 *
 * export.h: rows of the ledger, or their cases, for other programs. For ratchet/ only.
 *
 *   tsv    as results.tsv: backslash escapes, LF; all rows without their cases are its very bytes
 *   csv    RFC 4180: CRLF, quotes where needed. Texts that a spreadsheet would take for a formula
 *          (first character = + - @, tab or carriage return) get a ' in front; numbers stay numbers.
 *          Whoever needs the exact texts takes one of the others.
 *   jsonl  one JSON object a line
 *
 * What is not known is an empty field, in JSON null. Numbers have as many digits as they need to be
 * read back the same. */
#ifndef PAWL_RATCHET_EXPORT_H
#define PAWL_RATCHET_EXPORT_H

#include "ratchet/history/filter.h"

#include <stdio.h>

enum export_format { EXPORT_TSV, EXPORT_CSV, EXPORT_JSONL };

/* ERR_USAGE, naming the formats, for another word. */
int export_format_parse(const char *word, enum export_format *out);

/* Write the rows that pass; with `cases` one record for each case that they measured (with op or
 * case among the filter's words: of those alone) and nothing for a row without. Error: ERR_IO when
 * `to` does not take it. */
int export_write(struct ledger *l, const struct filter *f, enum export_format format, bool cases,
                 FILE *to);

#endif
