/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/schema.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <string.h>

struct importer {
    struct ledger *l;
    ledger_details_fn details;
    void *ctx;
    int64_t last;              /* newest row of the ledger */
    int64_t n;                 /* rows read from the text */
    char previous[SHA256_HEX]; /* hash of the row read last */
};

/* A row that the ledger has already must be the same one. */
static int same_as_ours(struct importer *im, const struct ledger_row *row)
{
    struct ledger_row ours;
    int rc = ledger_find(im->l, row->experiment, &ours);
    bool same;

    if (rc <= 0)
        return rc < 0 ? rc
                      : err_set(ERR_INTEGRITY, "ledger: row %lld is missing",
                                (long long)row->experiment);
    same = strcmp(ours.hash, row->hash) == 0;
    ledger_row_deinit(&ours);
    return same ? 0
                : err_set(ERR_CONFLICT,
                          "results.tsv and the ledger part ways at row %lld: two histories of "
                          "experiments cannot be joined",
                          (long long)row->experiment);
}

static int take_row(struct importer *im, const struct ledger_row *row)
{
    struct strbuf details = {0};
    char hex[SHA256_HEX];
    int rc = im->details ? im->details(im->ctx, row->experiment, &details) : 0;

    if (rc < 0)
        goto out;
    if (rc == 1) {
        sha256_hex(strbuf_str(&details), details.len, hex);
        if (strcmp(hex, row->details) != 0 || strlen(strbuf_str(&details)) != details.len) {
            rc = err_set(ERR_INTEGRITY, "row %lld: its detail record does not match its digest",
                         (long long)row->experiment);
            goto out;
        }
    }
    rc = ledger__insert(im->l, row, rc == 1 ? details.data : NULL);
out:
    strbuf_deinit(&details);
    return rc;
}

static int import_line(struct importer *im, const char *line, size_t len)
{
    struct ledger_row row;
    char hex[SHA256_HEX];
    int rc = ledger_tsv_parse(line, len, &row);

    if (rc < 0) {
        err_wrap("line %lld", (long long)im->n + 2);
        goto out;
    }
    ledger_row_hash(&row, hex);
    if (row.experiment != im->n + 1 || strcmp(row.previous, im->previous) != 0 ||
        strcmp(row.hash, hex) != 0) {
        rc = err_set(ERR_INTEGRITY, "results.tsv: the chain breaks at row %lld",
                     (long long)im->n + 1);
        goto out;
    }
    rc = row.experiment <= im->last ? same_as_ours(im, &row) : take_row(im, &row);
    im->n = row.experiment;
    memcpy(im->previous, hex, SHA256_HEX);
out:
    ledger_row_deinit(&row);
    return rc;
}

static int import_text(struct importer *im, const char *tsv, size_t len)
{
    struct strbuf header = {0};
    const char *p = tsv, *end = tsv + len;
    bool same;

    ledger_tsv_header(&header);
    same = len >= header.len && memcmp(tsv, header.data, header.len) == 0;
    p += header.len;
    strbuf_deinit(&header);
    if (!same)
        return err_set(ERR_FORMAT, "results.tsv: not the header line of this ledger");
    while (p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));

        if (!eol)
            return err_set(ERR_FORMAT, "results.tsv: the last line has no end");
        TRY(import_line(im, p, (size_t)(eol - p)));
        p = eol + 1;
    }
    return 0;
}

int ledger_import(struct ledger *l, const char *tsv, size_t len, ledger_details_fn details,
                  void *ctx)
{
    struct importer im = {.l = l, .details = details, .ctx = ctx};
    char hash[SHA256_HEX];
    int rc;

    memcpy(im.previous, ledger_genesis, SHA256_HEX);
    TRY(ledger__exec(l, "BEGIN IMMEDIATE"));
    rc = ledger__last(l, &im.last, hash);
    if (rc == 0)
        rc = import_text(&im, tsv, len);
    if (rc == 0)
        rc = ledger__exec(l, "COMMIT");
    if (rc < 0) {
        sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
        return rc;
    }
    return im.n > im.last ? (int)(im.n - im.last) : 0;
}
