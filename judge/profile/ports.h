/* SPDX-License-Identifier: Apache-2.0
 *
 * ports.h: the report on the hot loops' cycles and ports (mca.h). Inside judge/ only. */
#ifndef PAWL_PORTS_H
#define PAWL_PORTS_H

#include "judge/profile/assembly.h"

struct strbuf;

/* Append the report: a line for each hot loop, the tool's own report of the hottest, a closing line.
 * Where there are samples, loops without any are left out. Files go to the existing folder
 * `work_dir`. Error: ERR_IO. */
int ports_print(const struct assembly *a, const char *work_dir, struct strbuf *out);

#endif
