/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/command/command.h"

#include "reference/base/err.h"

int command_profile(const struct command_line *c, struct judge_build *build)
{
    (void)c;
    (void)build;
    return err_set(ERR_UNSUPPORTED, "profile: not yet");
}
