/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"

#include "reference/base/err.h"

int judge_evidence_key(const struct judge_build *candidate, const struct judge_build *incumbent,
                       const struct judge_options *o, char out[SHA256_HEX])
{
    (void)candidate;
    (void)incumbent;
    (void)o;
    out[0] = 0;
    return err_set(ERR_UNSUPPORTED, "evidence: not yet");
}
