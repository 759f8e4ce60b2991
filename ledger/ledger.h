/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger.h: the memory of the ratchet. One SQLite file in the repository's common git folder holds
 * every experiment ever judged; tables refuse UPDATE and DELETE, and each row carries the hash of
 * the row before it, so that a changed byte anywhere is found and named. results.tsv is its
 * projection: one line per experiment, from which (with the detail records) the whole database can
 * be built again.
 *
 * What the chain covers: every column of every row, and through the digest of its detail record the
 * cases, the units and the calibration that held. Tables cases, samples, machines, controls and
 * seals say nothing that those do not say, and ledger_verify holds them against it. Table states is
 * outside: it is this copy's own diary of what to finish after a crash, names folders of this
 * machine, and does not travel with git.
 *
 * One connection belongs to one thread. Any number of processes may read; whoever adds rows or
 * states holds the repository's lease (ratchet/try/lease.h). The ledger knows verdicts only as
 * words. */
#ifndef PAWL_LEDGER_H
#define PAWL_LEDGER_H

#include "reference/base/sha256.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;
struct ledger;

/* Hash before the first row: 64 zeros. */
extern const char ledger_genesis[SHA256_HEX];

/* Verdict word of a row that records a change of the sealed sources instead of an experiment:
 * `judge` is the new judge hash, the row before holds the old one, `attempt` is the commit that was
 * HEAD. */
#define LEDGER_SEAL "SEAL"

/* One line of results.tsv, one row of table experiments, columns in this order. Text is heap-owned
 * UTF-8, never NULL after ledger_row_init ("" = not known); a real that is not known is NAN. Reals
 * are kept to six significant digits, so that text and database say exactly the same. */
struct ledger_row {
    int64_t experiment; /* 1, 2, 3, ... without gaps */
    char *time;         /* UTC, 2026-01-31T23:59:59Z */
    char *verdict;      /* WIN, LOSS, ..., or SEAL */
    char *hypothesis;   /* any text; tabs and newlines are escaped in the TSV */
    char *author;
    char *parent;  /* commit that was HEAD */
    char *attempt; /* commit of the attempt */
    char *kernel;  /* digest of the mutable files of the attempt */
    char *judge;   /* judge hash */
    char *machine; /* fingerprint line */
    char *compiler;
    char *seeds;      /* 0x and hexadecimal, as `judge check --seed` takes them, between spaces */
    char *focus;      /* operation that had all the weight, "" = the workload's own weights */
    char *reason;     /* what the judge saw */
    double estimate;  /* D: natural log of time incumbent / time candidate */
    double low, high; /* its 95 % interval */
    int64_t units, confirm_units;
    double score; /* utilisation % x 100 / latency_ms */
    double latency_ms;
    double utilisation; /* 0..1 */
    double gflops, gbps;
    char *regime;
    char *counters; /* a summary, or "unavailable: why" */
    double seconds; /* what the experiment cost */
    char *code_key;
    char *details;  /* SHA-256 of the detail record, byte for byte */
    char *previous; /* own hash of the row before */
    char *hash;     /* SHA-256(previous || this TSV line without its own hash) */
};

/* All texts "", all reals NAN, counts 0. Caller releases with ledger_row_deinit. */
void ledger_row_init(struct ledger_row *row);
void ledger_row_deinit(struct ledger_row *row);

/* Replace the heap text *field by a copy of `text` (NULL counts as ""). */
void ledger_text_set(char **field, const char *text);

/* The row as a JSON object, columns by name, unknown reals null. The caller decrefs. */
json_t *ledger_row_json(const struct ledger_row *row);

/* --- opening --- */

/* Open the database file at `path`, creating it and its tables when missing; the folder must exist.
 * A file of an older program is brought up to date. Errors: ERR_IO, ERR_FORMAT (not a ledger),
 * ERR_UNSUPPORTED (made by a newer program). */
int ledger_open(const char *path, struct ledger **out);
void ledger_close(struct ledger **l);

/* --- rows --- */

/* One step in the life of an attempt, see states below. */
struct ledger_state {
    int64_t attempt;  /* experiment number, 0 for a checkpoint */
    const char *name; /* "proposed", ... */
    const char *data; /* JSON object, "" = none */
};

/* Append one experiment: row, its cases, its detail record, machine, seal (for SEAL) and, unless
 * NULL, a state, all in one transaction. row->experiment must be 0 or the next number. Fills
 * experiment, details, previous and hash, and rounds the reals to what was stored. `details` is a
 * JSON object; its array "cases" (objects with name, op, regime, estimate, low, high, candidate_ns,
 * incumbent_ns, floor_ns, utilisation) fills table cases; its object "calibration" (verdict, mde and
 * whatever else it says) enters table controls with the first row that carries it. Errors:
 * ERR_CONFLICT (number taken), ERR_FORMAT (details are no JSON object, a text is no UTF-8),
 * ERR_INTEGRITY (the tables do not take what they are given), ERR_IO. */
int ledger_append(struct ledger *l, struct ledger_row *row, const char *details,
                  const struct ledger_state *state);

/* Number of the last row, 0 when empty; negative on error. */
int64_t ledger_count(struct ledger *l);

/* 1 and *out filled (initialised here, caller deinits), 0 when there is no row n, negative on
 * error. Error: ERR_INTEGRITY when the stored row is not one that this program could have written.
 */
int ledger_find(struct ledger *l, int64_t n, struct ledger_row *out);

/* Call `each` for rows first..last in order (last 0 = all); stops at a non-zero return and returns
 * it. The row is borrowed. */
typedef int (*ledger_row_fn)(void *ctx, const struct ledger_row *row);
int ledger_each(struct ledger *l, int64_t first, int64_t last, ledger_row_fn each, void *ctx);

/* Append the detail record of row n to *out: 1, or 0 when the ledger has none. */
int ledger_details(struct ledger *l, int64_t n, struct strbuf *out);

/* The same for one text of it, named as SQLite's JSON functions do ("$.features"): records are long,
 * and this does not copy them. 0 also when it has no such member. */
int ledger_details_text(struct ledger *l, int64_t n, const char *path, struct strbuf *out);

/* One case of an experiment, as its detail record has it; a real that is not known is NAN. */
struct ledger_case {
    const char *name, *op, *regime; /* borrowed for the call */
    double estimate, low, high;     /* ln(time incumbent / time candidate), 95 % interval */
    double candidate_ns, incumbent_ns, floor_ns;
    double utilisation; /* 0..1 */
};

/* Call `each` for the cases of row n in their order; stops at a non-zero return and returns it. */
typedef int (*ledger_case_fn)(void *ctx, const struct ledger_case *c);
int ledger_cases(struct ledger *l, int64_t n, ledger_case_fn each, void *ctx);

/* 1 when some row measured a case of this name, or of this operation, or had its focus on it. */
int ledger_knows_case(struct ledger *l, const char *name);

/* --- results.tsv --- */

/* Append the header line with its newline. */
void ledger_tsv_header(struct strbuf *out);

/* Append the row's line without newline; `with_hash` false leaves out the last column and its tab.
 */
void ledger_tsv_line(const struct ledger_row *row, bool with_hash, struct strbuf *out);

/* Append a text as a field of such a line, its tabs and control bytes escaped. */
void ledger_tsv_text(const char *text, struct strbuf *out);

/* Parse one line (no newline) into *out (initialised here; caller deinits, also after an error).
 * Error: ERR_FORMAT naming the column; also for a line that is no UTF-8 or not in its one
 * canonical form. */
int ledger_tsv_parse(const char *line, size_t len, struct ledger_row *out);

/* Append header and rows 1..last (0 = all): the bytes of results.tsv at that time. */
int ledger_export(struct ledger *l, int64_t last, struct strbuf *out);

/* Take over the rows of a results.tsv that this ledger does not have yet (all of them, for an empty
 * one); rows that it has must be the same. `details` appends row n's detail record to *out and
 * returns 1, or 0 when there is none; a record whose digest is not the row's is refused. One
 * transaction. Returns the number of rows taken. Errors: ERR_FORMAT, ERR_INTEGRITY and ERR_CONFLICT
 * name the row. */
typedef int (*ledger_details_fn)(void *ctx, int64_t n, struct strbuf *out);
int ledger_import(struct ledger *l, const char *tsv, size_t len, ledger_details_fn details,
                  void *ctx);

/* --- chain --- */

/* The row's own hash, computed. */
void ledger_row_hash(const struct ledger_row *row, char hex[SHA256_HEX]);

struct ledger_fault {
    int64_t experiment; /* first row that is wrong; 0 = the table as a whole */
    char text[256];
};

struct ledger_proof {
    int64_t n_rows, n_without_details;
};

/* Prove the database by itself: numbers without gaps, every hash, detail records, cases and controls
 * against their digest, seals where the judge hash changes, machines, and that the triggers which
 * refuse UPDATE and DELETE are there and no others. States are not covered, see above. 0 when all
 * holds, 1 with *fault filled, negative when it could not be read. */
int ledger_verify(struct ledger *l, struct ledger_proof *proof, struct ledger_fault *fault);

/* Compare a results.tsv with the database: its lines must be the header and the rows 1..k for some
 * k, which is returned through *n_rows. 0, 1 with *fault, or negative as above. */
int ledger_verify_tsv(struct ledger *l, const char *tsv, size_t len, int64_t *n_rows,
                      struct ledger_fault *fault);

/* --- states --- */

/* proposed -> built -> checked -> measured -> confirmed -> applied | rolled_back -> done. What each
 * state means is the ratchet's business; the ledger keeps their history. */
int ledger_state_add(struct ledger *l, const struct ledger_state *s);

/* Data of the newest state `name` of `attempt` appended to *data: 1, or 0 when there is none. */
int ledger_state_find(struct ledger *l, int64_t attempt, const char *name, struct strbuf *data);

/* The oldest attempt whose newest state is not "done": 1 with its number and state name (at most 31
 * characters) filled, or 0 when nothing is pending. */
int ledger_state_pending(struct ledger *l, int64_t *attempt, char name[32]);

#endif
