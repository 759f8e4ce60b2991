/* SPDX-License-Identifier: Apache-2.0
 *
 * mca.h: what llvm-mca says of a loop: cycles of an iteration and the ports they go to, by a model
 * of the processor. A model knows no cache misses and no branches taken otherwise: it is a lower
 * bound for data in L1. Inside judge/ only. */
#ifndef PAWL_MCA_H
#define PAWL_MCA_H

#include "judge/profile/assembly.h"

#include <stdint.h>

struct strbuf;

/* What a model is chosen by, see mca_model_of_this. */
struct mca_processor {
    char vendor[13]; /* "GenuineIntel" */
    uint32_t family, model;
    uint64_t features; /* enum kernel_feature bits */
};

/* The nearest processor llvm-mca (14 and later) has a model for. */
const char *mca_model(const struct mca_processor *p);
void mca_processor_this(struct mca_processor *out);

struct mca_result {
    char reason[200];  /* "" or "unavailable: ..." */
    double cycles;     /* of one iteration */
    double throughput; /* the bound by ports alone, cycles */
    double ipc;
    char port[32];       /* the busiest */
    double port_cycles;  /* of it in an iteration */
    double dependencies; /* share of cycles lost to waiting for results, 0..1; -1 unknown */
};

/* The loop as llvm-mca reads it: its body in order, jumps to a label, no padding and no calls. */
void mca_source(const struct assembly *a, const struct assembly_function *f,
                const struct assembly_loop *loop, struct strbuf *out);

/* Numbers out of llvm-mca's report. */
void mca_parse(const char *report, struct mca_result *out);

/* Run llvm-mca on a loop with files in `folder`; the whole report is appended to *report. A missing
 * tool or an instruction that the model does not know is a reason. Error: ERR_IO. */
int mca_run(const struct assembly *a, const struct assembly_function *f,
            const struct assembly_loop *loop, const char *model, const char *folder,
            struct strbuf *report, struct mca_result *out);

#endif
