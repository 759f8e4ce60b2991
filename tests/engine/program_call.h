/* SPDX-License-Identifier: Apache-2.0
 *
 * program_call.h: the built program `engine` as a user calls it, with text on its stdin. Tests of
 * engine/ only. */
#ifndef PAWL_TESTS_ENGINE_PROGRAM_CALL_H
#define PAWL_TESTS_ENGINE_PROGRAM_CALL_H

#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Run "engine ARGUMENTS" in a shell; stdout and stderr are appended to *out. Returns the exit
 * status. */
static inline int program_call(const char *arguments, const char *input, struct strbuf *out)
{
    const char *bin = getenv("PAWL_BIN");
    char path[] = "/tmp/pawl-input-XXXXXX";
    struct strbuf line = {0};
    int fd = mkstemp(path), status;

    cr_assert(fd >= 0);
    close(fd);
    cr_assert_eq(file_write_atomic(path, input, strlen(input)), 0);
    strbuf_addf(&line, "%s/engine %s <%s", bin && *bin ? bin : "build/bin", arguments, path);
    status = process_run((char *[]){"sh", "-c", line.data, NULL}, NULL, 60, out);
    strbuf_deinit(&line);
    unlink(path);
    return status;
}

#endif
