/* SPDX-License-Identifier: Apache-2.0
 *
 * fpu.h: the floating-point control words of a stopped process, read from outside by ptrace: what a
 * hostile process says of itself proves nothing. Inside judge/ only. */
#ifndef PAWL_FPU_H
#define PAWL_FPU_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Look at all threads of `pid`, a child of ours stopped by a signal, and leave them stopped.
 * *clean: MXCSR is 0x1f80 but for its exception flags, x87 control is 0x37f, the x87 stack is empty
 * and no tile of AMX is in use; else `what` (`bytes` long) names the first that is not. Error:
 * ERR_UNSUPPORTED when tracing is forbidden, ERR_IO. */
int fpu_inspect(pid_t pid, bool *clean, char *what, size_t bytes);

#endif
