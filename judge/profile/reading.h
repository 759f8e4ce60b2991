/* SPDX-License-Identifier: Apache-2.0
 *
 * reading.h: the kernel compiled once more, only to be read: the same sources and flags with line
 * numbers and the vectoriser's remarks. Nothing of it ever runs. Its code must be that of the build
 * it explains, and the code keys say whether it is. Inside judge/ only. */
#ifndef PAWL_READING_H
#define PAWL_READING_H

#include "judge/judge.h"
#include "judge/profile/assembly.h"
#include "reference/base/strbuf.h"

struct reading {
    char reason[256];         /* "" or why there is none: "unavailable: ..." */
    char folder[512];         /* staged sources, the build's */
    bool same_code;           /* code key equal to the build's */
    struct assembly assembly; /* of the compiled object */
    struct strbuf remarks;    /* what the compiler said */
};

/* Compile and disassemble. A missing tool or a compiler that refuses is a reason. The build must
 * stay open as long as *out. Error: ERR_IO, ERR_NOMEM. Released by reading_deinit. */
int reading_init(const struct judge_build *b, const struct judge_options *o, struct reading *out);
void reading_deinit(struct reading *r);

/* Compile staged sources below `folder` (kernel/, headers/; absolute, without links) as the build
 * does: confined to that folder, with root's sealed flags and the approved headers. `options` end
 * the command; what it says is appended to *said. The exit status, or 128 + signal. Error: ERR_IO,
 * ERR_TIMEOUT, ERR_RANGE. */
int reading_compile(const char *folder, const char *root, const char *options, struct strbuf *said);

/* Run a command line, split at blanks (no quoting), in `dir`; its output to *out. The exit status;
 * 127 when there is no such program. Error: as process_run. */
int reading_command(const char *line, const char *dir, struct strbuf *out);

#endif
