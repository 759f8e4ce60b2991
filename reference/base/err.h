/* SPDX-License-Identifier: Apache-2.0
 *
 * err.h: how functions of Pawl fail. They return 0 or a negative `enum err`; the sentence for
 * people waits in a fixed thread-local buffer that never allocates. Everyone but the kernel uses
 * it. */
#ifndef PAWL_ERR_H
#define PAWL_ERR_H

enum err {
    ERR_OK = 0,
    ERR_IO = -1,     /* the system refused: open, read, write, map, spawn */
    ERR_FORMAT = -2, /* a file's content is not what its format says */
    ERR_USAGE = -3,  /* the caller or the command line asked for nonsense */
    ERR_NOMEM = -4,
    ERR_RANGE = -5,       /* a number too large or too small */
    ERR_UNSUPPORTED = -6, /* well-formed, but not something we do */
    ERR_CONFLICT = -7,    /* right request, wrong moment: dirty tree, locked, stale seal */
    ERR_TIMEOUT = -8,
    ERR_INTEGRITY = -9, /* a digest or a chain does not match */
};

/* Store a message (printf style, truncated to the buffer) and return `code`. */
int err_set(enum err code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put "<formatted>: " in front of the stored message and return the stored code. */
int err_wrap(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The last message and code of this thread; "" and ERR_OK after err_clear. Borrowed. */
const char *err_message(void);
int err_code(void);
void err_clear(void);

/* Return from the calling function when `expr` is negative. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        int try_ = (expr);                                                                         \
        if (try_ < 0)                                                                              \
            return try_;                                                                           \
    } while (0)

#endif
