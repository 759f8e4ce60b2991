/* SPDX-License-Identifier: Apache-2.0
 *
 * shared.h: where tests find the test material that is not part of this repository: the folder
 * PAWL_SHARED (default ../shared). Without it a test skips and says so, unless
 * PAWL_REQUIRE_SHARED=1, which makes it fail. Tests of engine/ and peers/ only. */
#ifndef PAWL_TESTS_ENGINE_SHARED_H
#define PAWL_TESTS_ENGINE_SHARED_H

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline const char *shared_folder(void)
{
    const char *folder = getenv("PAWL_SHARED");

    return folder && *folder ? folder : "../shared";
}

/* Skip (or fail) the running test when the folder is not there. */
static inline void shared_require(void)
{
    const char *required = getenv("PAWL_REQUIRE_SHARED");

    if (!access(shared_folder(), R_OK))
        return;
    if (required && !strcmp(required, "1"))
        cr_assert_fail("%s is not there (PAWL_SHARED)", shared_folder());
    cr_skip_test("%s is not there (PAWL_SHARED names the test material)", shared_folder());
}

/* shared folder / formatted path */
__attribute__((format(printf, 3, 4))) static inline void shared_path(char *out, size_t bytes,
                                                                     const char *fmt, ...)
{
    int n = snprintf(out, bytes, "%s/", shared_folder());
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(out + n, bytes - (size_t)n, fmt, ap);
    va_end(ap);
}

#endif
