/* SPDX-License-Identifier: Apache-2.0
 *
 * printable.h: other people's text on a terminal. Hypotheses, authors, reasons and kernels come from
 * whoever wrote them, over git from anybody; a terminal obeys the control characters in them. What
 * is printed for people goes through here. For ratchet/ only. */
#ifndef PAWL_RATCHET_PRINTABLE_H
#define PAWL_RATCHET_PRINTABLE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Bytes of the character at p, of which `left` > 0 follow: 1 for a byte that begins none. *control: it
 * is one of C0, DEL or C1 (in UTF-8 or as a byte alone); tab and newline are of C0. */
size_t printable_next(const char *p, size_t left, bool *control);

/* Write a text; each control character but tab and newline becomes a '?'. */
void printable_write(FILE *to, const char *text, size_t len);

/* As fprintf, written so. */
void printable_printf(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void printable_vprintf(FILE *to, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

#endif
