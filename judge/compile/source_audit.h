/* SPDX-License-Identifier: Apache-2.0
 *
 * source_audit.h: what a kernel's sources may ask of the preprocessor. Three views of the same
 * thing, because each can be fooled where another cannot: the text as written, the list of files
 * that entered, and the preprocessed text. Inside judge/ only. */
#ifndef PAWL_SOURCE_AUDIT_H
#define PAWL_SOURCE_AUDIT_H

#include <stddef.h>

struct strbuf;

enum { AUDIT_FAULT = 320 };

/* True for what a staged file may be called: letters, digits, '_', '-', '.'. */
int source_name_ok(const char *name);

/* Audit one source as written: includes name files literally, beside it or approved; directives and
 * pragmas are on the list; nothing asks what other files exist. *fault becomes "" or the sentence,
 * which starts with "<name>:<line>: ". */
void source_audit_text(const char *name, const struct strbuf *text, char fault[AUDIT_FAULT]);

/* Audit the compiler's list of dependencies (a make rule): each must lie below one of the n folders
 * (absolute, without links). Relative names are looked up in `base`. */
void source_audit_dependencies(const struct strbuf *rule, const char *base,
                               const char *const *folders, size_t n, char fault[AUDIT_FAULT]);

/* Audit the pragmas that are left in preprocessed text, written or made by _Pragma. */
void source_audit_preprocessed(const struct strbuf *text, char fault[AUDIT_FAULT]);

#endif
