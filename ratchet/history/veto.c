/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/veto.h"

#include <stdio.h>
#include <string.h>

void veto_case(const char *reason, char out[96])
{
    const char *at = strstr(reason, ": slower by "), *start = at;

    out[0] = '\0';
    while (start && start > reason && !strchr(" ;", start[-1]))
        start--;
    if (at)
        snprintf(out, 96, "%.*s", (int)(at - start), start);
}
