/* SPDX-License-Identifier: Apache-2.0
 *
 * assembly_audit.h: reads the assembly text that a kernel was compiled to, inline assembly
 * included, before the assembler does. Instructions are left to the inspection of the object;
 * directives must be among those that compiled C needs, because others read files (.incbin), write
 * text that nobody sees (.macro) or bend symbols. Inside judge/ only. */
#ifndef PAWL_ASSEMBLY_AUDIT_H
#define PAWL_ASSEMBLY_AUDIT_H

struct strbuf;

enum { ASSEMBLY_FAULT = 320 };

/* *fault becomes "" or the sentence that names the directive. */
void assembly_audit(const struct strbuf *text, char fault[ASSEMBLY_FAULT]);

#endif
