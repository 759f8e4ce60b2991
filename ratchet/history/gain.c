/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/gain.h"
#include "ratchet/history/feature_path.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"

#include <math.h>

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

int gain_of(struct ratchet *r, const struct ledger_row *row, double *out, char features[16])
{
    int same = feature_path_same(r, row, RECORD_FEATURES_ALL, features);

    *out = same == 1 && isfinite(row->estimate) ? gain_share(row->focus) * row->estimate : 0;
    return same < 0 ? same : 0;
}
