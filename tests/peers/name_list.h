/* SPDX-License-Identifier: Apache-2.0
 *
 * name_list.h: "one,two,three" as an option's value. */
#ifndef PAWL_NAME_LIST_H
#define PAWL_NAME_LIST_H

#include <stdbool.h>

/* Is `name` in the comma-separated list? Every name is in NULL. */
bool name_list_has(const char *list, const char *name);

#endif
