/* SPDX-License-Identifier: Apache-2.0
 *
 * errno.h for kernels: exists because the compiler's own headers ask for it. A kernel has no
 * errno. */
#ifndef PAWL_KERNEL_ERRNO_H
#define PAWL_KERNEL_ERRNO_H

#define EINVAL 22
#define ENOMEM 12

#endif
