/* SPDX-License-Identifier: Apache-2.0
 *
 * wayward.h: what the kernel wayward.c does when it is called with one of these in i[0]. Tests
 * only. */
#ifndef PAWL_WAYWARD_H
#define PAWL_WAYWARD_H

enum wayward {
    WAYWARD_NOT,        /* out[0] = in[0] + 1, by the first thread */
    WAYWARD_SYSCALL,    /* system call number i[1] */
    WAYWARD_SYSCALL_32, /* the same through the 32-bit entry */
    WAYWARD_SLEEP,      /* a futex with a timeout */
    WAYWARD_RDTSC,      /* and its kin */
    WAYWARD_RDTSCP,
    WAYWARD_RDTSC_PREFIX, /* disguised */
    WAYWARD_TEXT,         /* writes to its own code, */
    WAYWARD_CONSTANT,     /* to its constants, */
    WAYWARD_RELRO,        /* to its constants with addresses, */
    WAYWARD_INPUT,        /* and to its input */
    WAYWARD_STACK,        /* uses i[1] bytes of stack */
    WAYWARD_MXCSR,        /* leaves denormals flushed */
    WAYWARD_X87,          /* leaves a number on the x87 stack */
    WAYWARD_X87_CONTROL,  /* leaves x87 in single precision */
    WAYWARD_TILES,        /* leaves the tiles of AMX configured */
    WAYWARD_FPU_SEEN,     /* out[0] = MXCSR as found */
    WAYWARD_SCRATCH,      /* out[0] = what lies in the scratch, and a page before; leaves sevens */
    WAYWARD_PAST,         /* writes the byte i[1] past the start of its output */
    WAYWARD_MEM_PAST,     /* fills i[1] bytes from the start of its output by memset */
    WAYWARD_SCRATCH_PAST, /* writes a byte past its scratch */
    WAYWARD_OVERFLOW,     /* adds 1 to (int)i[1] */
    WAYWARD_MEM,          /* out[0] by memset, memcpy and memmove */
    WAYWARD_ADDRESSES,    /* out[0] by a table of functions; data and bss as they should be */
    WAYWARD_LONG,         /* i[1] steps of work */
    WAYWARD_EARLY_BELL,   /* answers the judge, then does i[1] steps of work */
};

#endif
