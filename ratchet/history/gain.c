/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/gain.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <string.h>

double gain_share(const char *focus)
{
    double share = 0, all = 0;

    if (!focus[0])
        return 1;
    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];

        all += c->weight;
        share += problem_in_focus(c, focus) ? c->weight : 0;
    }
    return all > 0 ? share / all : 0;
}

int gain_of(struct ledger *l, const struct ledger_row *row, double *out, char features[16])
{
    struct strbuf text = {0};
    int rc = ledger_details_text(l, row->experiment, "$.features", &text);
    bool all = rc == 0 || strcmp(strbuf_str(&text), RECORD_FEATURES_ALL) == 0;

    *out = all && isfinite(row->estimate) ? gain_share(row->focus) * row->estimate : 0;
    if (features)
        snprintf(features, 16, "%s", strbuf_str(&text));
    strbuf_deinit(&text);
    return rc < 0 ? rc : 0;
}
