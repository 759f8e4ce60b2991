/* SPDX-License-Identifier: Apache-2.0
 *
 * lessons.h: what the ledger says of each row of the taxonomy: which attempts tried it, and how often
 * it was borne out. Reads rows alone, so that a clone, a test or a plain results.tsv will do. For
 * ratchet/ only. */
#ifndef PAWL_RATCHET_LESSONS_H
#define PAWL_RATCHET_LESSONS_H

#include "ledger/ledger.h"

struct lessons;

/* Empty; the caller closes it. */
struct lessons *lessons_open(void);
void lessons_close(struct lessons **l);

/* Take in one row of the ledger; seals are passed over. Rows come in order. As ledger_each wants it:
 * ctx is the struct lessons, always 0. */
int lessons_take(void *ctx, const struct ledger_row *row);

/* {"last", "tiers": [{"name", "what", "rows": [{"id", "symptom", "first", "verdict",
 * "wins", "judged", "open", "attempts": [attempt]}]}], "other": [attempt], "unjudged": [number]}; an
 * attempt is {"experiment", "verdict", "hypothesis", "estimate", "slower" (the case that lost it the
 * win), "words" (that put it there)}. `judged` counts those that were measured to a decision, `open`
 * the near misses (INCONCLUSIVE). The caller decrefs. */
json_t *lessons_json(const struct lessons *l);

/* Append the same as Markdown, a table for each tier: the block of AGENTS.md between its marks, with
 * both marks. The first names the last experiment taken in. */
struct strbuf;
void lessons_markdown(const json_t *lessons, struct strbuf *out);

/* ... and for a terminal, every attempt with the words that put it there. */
void lessons_text(const json_t *lessons, struct strbuf *out);

/* The last experiment that the block in `text` was made from: 1, 0 when there is no whole block, or
 * ERR_FORMAT when its marks are damaged. [*begin, *end) is the block with its marks. */
int lessons_block_find(const char *text, size_t *begin, size_t *end, int64_t *last);

#endif
