/* SPDX-License-Identifier: Apache-2.0
 *
 * compilation.h: from staged sources to an object file, step by step: audit of the text,
 * preprocessing, audit of what entered, two compilations at the same time in folders of different
 * names, audit of the assembly, assembling, comparison. Inside judge/ only. */
#ifndef PAWL_COMPILATION_H
#define PAWL_COMPILATION_H

#include "judge/compile/compiler.h"
#include "judge/judge.h"
#include "reference/base/strbuf.h"

/* One folder that holds kernel/ (the sources) and headers/ (the approved ones), and what works on
 * it. The step functions below return 0, 1 when the kernel is refused (then `verdict` is set and the
 * log ends with the reason), or a negative error. */
struct compilation {
    char folder[PATH_MAX]; /* absolute, without links */
    struct compiler compiler;
    struct confine confine;
    struct strbuf flags; /* of judge/kernel.flags */
    struct strbuf log;   /* what the compiler said, cut to a sensible length */
    enum judge_verdict verdict;
    bool preprocessed; /* kernel.i is there */
};

/* Refuse: set the verdict, append the reason to the log, return 1. */
int compilation_refuse(struct compilation *c, enum judge_verdict verdict, const char *reason);

/* Run a command in folder/`part` ("." is the folder itself); what it says goes to *output. A
 * failing command is a refusal with JUDGE_FAIL_BUILD. */
int compilation_run(struct compilation *c, struct words *w, const char *part,
                    struct strbuf *output);

/* Read the sources as they are written. */
int compilation_audit(struct compilation *c);

/* Make folder/kernel.o. */
int compilation_object(struct compilation *c);

/* Make folder/sanitized.o, from the same preprocessed text: a kernel cannot tell. */
int compilation_sanitized(struct compilation *c);

#endif
