/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[1024];
static _Thread_local int code_last;

int err_set(enum err code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    code_last = code;
    return code;
}

int err_wrap(const char *fmt, ...)
{
    char prefix[sizeof message / 2];
    size_t n, keep;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    n = strnlen(prefix, sizeof prefix - 3);
    memcpy(prefix + n, ": ", 2);
    n += 2;
    keep = strnlen(message, sizeof message - n - 1);
    memmove(message + n, message, keep);
    memcpy(message, prefix, n);
    message[n + keep] = '\0';
    return code_last;
}

const char *err_message(void)
{
    return message;
}

int err_code(void)
{
    return code_last;
}

void err_clear(void)
{
    message[0] = '\0';
    code_last = ERR_OK;
}
