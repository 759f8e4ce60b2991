/* SPDX-License-Identifier: Apache-2.0
 *
 * tunables.h: the numbers of a kernel that a search may move, TUNABLE(NAME, value, low, high) in
 * any mutable file, read from the text and written back into it with nothing else changed. The
 * text is read as C is: calls in comments, strings and preprocessor lines are none, comments and
 * line breaks inside a call are blanks. Only plain integers are understood. */
#ifndef PAWL_RATCHET_TUNABLES_H
#define PAWL_RATCHET_TUNABLES_H

#include <stddef.h>
#include <stdint.h>

struct strbuf;

enum { TUNABLE_NAME = 64 };

struct tunable {
    char name[TUNABLE_NAME];
    int64_t value, low, high; /* low <= value <= high */
    size_t file;              /* the number of the file it is in, as given to tunables_parse */
    size_t at, len;           /* where the text of the value is there, in bytes */
};

/* Zero-initialise; the caller deinits. Of one file they stand in the order of the text. */
struct tunables {
    struct tunable *item;
    size_t n;
};

/* Append the calls in `text`; `path` is for messages. Error: ERR_FORMAT naming path and line: no
 * integer, too many or too few arguments, a value out of its range, a name used twice. */
int tunables_parse(const char *path, const char *text, size_t file, struct tunables *out);
void tunables_deinit(struct tunables *t);

/* What is to be done about a kernel that has none. */
extern const char tunables_remedy[];

/* NULL when there is none of this name. */
const struct tunable *tunables_find(const struct tunables *t, const char *name);

/* Append the text of file number `file` with value[i] in place of the value of item i. */
void tunables_write(const struct tunables *t, size_t file, const char *text, const int64_t *value,
                    struct strbuf *out);

#endif
