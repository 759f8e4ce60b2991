/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/json_schema_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void any_digits(struct strbuf *out, size_t n)
{
    if (n)
        strbuf_addf(out, " [0-9]{%zu}", n);
}

/* Decimals of n digits from low to high, digit by digit: below the first one that differs, the low
 * side runs up to nines, the high side begins at zeros, and what lies between is free. */
static void same_length(struct strbuf *out, const char *low, const char *high, size_t n)
{
    static const char zeros[] = "000000000000000000", nines[] = "999999999999999999";

    if (n == 0)
        return;
    if (!strncmp(low, zeros, n) && !strncmp(high, nines, n)) {
        any_digits(out, n);
        return;
    }
    if (*low == *high) {
        strbuf_addf(out, " \"%c\"", *low);
        same_length(out, low + 1, high + 1, n - 1);
        return;
    }
    strbuf_addf(out, " (\"%c\"", *low);
    same_length(out, low + 1, nines, n - 1);
    if (*low + 1 < *high) {
        strbuf_addf(out, " | [%c-%c]", *low + 1, *high - 1);
        any_digits(out, n - 1);
    }
    strbuf_addf(out, " | \"%c\"", *high);
    same_length(out, zeros, high + 1, n - 1);
    strbuf_addf(out, ")");
}

static void not_negative(struct strbuf *out, uint64_t low, uint64_t high)
{
    char from[24], to[24], end[24];
    bool first = true;

    snprintf(to, sizeof to, "%" PRIu64, high);
    for (uint64_t start = low; start <= high; first = false) {
        size_t n = (size_t)snprintf(from, sizeof from, "%" PRIu64, start);
        uint64_t last = 0;

        for (size_t i = 0; i < n; i++)
            last = 10 * last + 9;
        snprintf(end, sizeof end, "%" PRIu64, last < high ? last : high);
        strbuf_addf(out, first ? "" : " |");
        same_length(out, from, end, n);
        start = last + 1;
    }
}

void json_integer_range(struct strbuf *out, int64_t low, int64_t high)
{
    strbuf_addf(out, "(");
    if (low < 0) {
        strbuf_addf(out, "\"-\" (");
        not_negative(out, high < 0 ? (uint64_t)-high : 1, (uint64_t)-low);
        strbuf_addf(out, ")%s", high < 0 ? "" : " |");
    }
    if (high >= 0)
        not_negative(out, low < 0 ? 0 : (uint64_t)low, (uint64_t)high);
    strbuf_addf(out, ")");
}
