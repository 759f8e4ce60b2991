/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/speculate/lookup.h"

#include <criterion/criterion.h>
#include <string.h>

struct lookup_case {
    const char *text; /* a token is a letter */
    size_t longest, n_max;
    const char *guess;
};

static const struct lookup_case cases[] = {
    {"", 3, 4, ""},
    {"a", 3, 4, ""},
    {"abcd", 3, 4, ""},
    {"abcxabc", 3, 1, "x"},
    {"abcxabc", 3, 4, "xabc"},
    {"abcxzzabcyzzabc", 3, 2, "yz"}, /* the latest place counts */
    {"qabcxzzbcyzzqabc", 3, 1, "x"}, /* but the longer match before it */
    {"abxzzb", 3, 4, ""},            /* one token is no match */
    {"abxzzb", 1, 4, "xzzb"},        /* unless that is what was asked for */
    {"abab", 3, 5, "ababa"},         /* a continuation may run on into its own guess */
    {"aaa", 2, 3, "aaa"},
    {"abcabc", 0, 4, ""},
    {"abcabc", 3, 0, ""},
};

Test(lookup, continues_what_stood_there_before)
{
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        int32_t ids[32], out[8];
        size_t n = strlen(cases[c].text), n_out;

        for (size_t i = 0; i < n; i++)
            ids[i] = cases[c].text[i];
        n_out = lookup_guess(ids, n, cases[c].longest, out, cases[c].n_max);
        cr_expect_eq(n_out, strlen(cases[c].guess), "\"%s\": %zu guesses", cases[c].text, n_out);
        for (size_t i = 0; i < n_out; i++)
            cr_expect_eq(out[i], cases[c].guess[i], "\"%s\": guess %zu is '%c'", cases[c].text, i,
                         (char)out[i]);
    }
}
