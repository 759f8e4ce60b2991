/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/feature_path.h"
#include "ratchet/try/record.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <string.h>

static bool same_here(struct ratchet *r, const struct ledger_row *row, const char *a, const char *b)
{
    char machine[256] = "";
    uint64_t a_bits, b_bits;

    r->judge->machine(machine);
    return strcmp(machine, row->machine) == 0 && cpu_features_named(a, &a_bits) == 0 &&
           cpu_features_named(b, &b_bits) == 0 && a_bits == b_bits;
}

int feature_path_same(struct ratchet *r, const struct ledger_row *row, const char *features,
                      char had[16])
{
    struct strbuf text = {0};
    const char *word;
    int rc = ledger_details_text(r->ledger, row->experiment, "$.features", &text);

    word = rc == 1 ? text.data : RECORD_FEATURES_ALL;
    if (had)
        snprintf(had, 16, "%s", strbuf_str(&text));
    if (rc >= 0)
        rc = strcmp(word, features) == 0 || same_here(r, row, word, features);
    strbuf_deinit(&text);
    return rc;
}
