/* SPDX-License-Identifier: Apache-2.0
 *
 * assembly.h: a compiled kernel as text that can be reasoned about: functions, instructions with
 * their source lines, loops, and what the compiler had to keep on the stack. Made from the output
 * of objdump and of nothing else, so tests need no compiler. Inside judge/ only. */
#ifndef PAWL_ASSEMBLY_H
#define PAWL_ASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

enum { ASSEMBLY_MAX_NAME = 96 };

struct assembly_line {
    uint32_t at;         /* bytes from the function's start */
    uint32_t target;     /* of a jump inside the function; UINT32_MAX: none */
    const char *text;    /* "vpaddd 0x40(%rsp),%ymm1,%ymm2" */
    const char *symbol;  /* what a relocation here names, "" none */
    const char *file;    /* "kernel/x.inc" as the compiler was told, "" unknown */
    uint32_t source;     /* its line, 0 unknown */
    uint32_t n_samples;  /* see assembly_sample */
    uint32_t loop_depth; /* loops around it */
};

/* A natural loop: everything between `head` and a way back to it, where there is no way in but
 * through the head. Compilers move parts of it away, so it need not be contiguous. */
struct assembly_loop {
    size_t head, first, last; /* indices into lines; the body lies in first..last */
    size_t n;                 /* instructions in the body */
    bool *in;                 /* [of the function's lines] in the body */
    uint32_t depth;           /* 1: no loop around it */
    bool innermost;
    uint32_t n_samples;
    uint32_t n_vector, n_spills; /* vector instructions; vector moves to and from the stack */
};

struct assembly_function {
    char name[ASSEMBLY_MAX_NAME];
    size_t first, n; /* its lines */
    struct assembly_loop *loops;
    size_t n_loops;
    uint32_t n_samples;
    uint32_t n_vector;                  /* instructions that name a vector register */
    uint32_t n_xmm, n_ymm, n_zmm;       /* distinct registers of each width */
    uint32_t spill_stores, spill_loads; /* vector stores to and loads from the stack frame; arrays
                                         * that live there count too */
    uint32_t stack_bytes;               /* pushed and reserved */
    uint32_t n_calls;
};

struct assembly {
    char *text; /* what all strings point into */
    struct assembly_line *lines;
    size_t n_lines;
    struct assembly_function *functions;
    size_t n_functions;
};

/* Parse what `objdump -d -r -l -w --inlines --no-show-raw-insn` says of a relocatable object compiled
 * with -ffunction-sections (functions then start at 0). A function ends before the next begins. Takes any
 * text: what is no instruction is left out. Error: ERR_NOMEM. Released by assembly_deinit. */
int assembly_init(const char *objdump, struct assembly *out);
void assembly_deinit(struct assembly *a);

/* NULL when there is none of this name. */
struct assembly_function *assembly_find(const struct assembly *a, const char *name);

/* One sample of a profile fell on the instruction that covers byte `at` of f. */
void assembly_sample(struct assembly *a, struct assembly_function *f, uint32_t at);

/* The loops worth reading, hottest first: innermost ones, by samples where there are any, else by
 * depth and vector instructions. Writes at most `max`, returns how many. `of[i]` is the function of
 * loop[i]; both are borrowed. */
size_t assembly_hot_loops(const struct assembly *a, size_t max, const struct assembly_loop **loop,
                          const struct assembly_function **of);

/* One function for people: share of the samples, loop marks, source lines from the files below
 * `folder` where they can be read. */
void assembly_print(const struct assembly *a, const struct assembly_function *f, const char *folder,
                    struct strbuf *out);

/* Vector moves to and from the stack in f's innermost loops that hold a hundredth of all samples or
 * more; in all its innermost loops when nothing was sampled. */
uint32_t assembly_hot_spills(const struct assembly *a, const struct assembly_function *f);

/* A table of all functions: registers, spills, stack. Ends with a line that names the worst. */
void assembly_print_spills(const struct assembly *a, struct strbuf *out);

#endif
