/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/name_list.h"

#include <string.h>

bool name_list_has(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (!strncmp(at, name, n) && (!at[n] || at[n] == ','))
            return true;
    }
    return !list;
}
